"""The section of the manual for each notice, alarm and refusal, by code."""

SECTIONS = {
    # Notices of the appliance.
    "store": "trouble#the-store-and-the-disk",
    "disk_low": "trouble#the-disk-is-nearly-full",
    "clock": "trouble#the-clock-moved",
    "damaged_job": "trouble#a-job-is-damaged",
    "backup": "trouble#the-nightly-backup-failed",
    "upgraded": "upgrade#what-an-upgrade-does",
    "audit": "trouble#the-audit-does-not-match-its-anchor",
    "calendar": "trouble#the-calendar-does-not-answer-as-it-should",
    "poll_refused": "trouble#the-polls-of-a-program-are-refused",
    "two_programs": "trouble#two-programs-poll-for-the-jobs-of-a-site",
    "site_names": "trouble#names-of-sites-differ-by-letter-case-alone",
    "invented_sites": "trouble#names-that-no-site-uses",
    "token_ends": "trouble#a-token-ends",
    "roles_unread": "secure#users-of-an-outside-provider",
    "unknown_proxy": "secure#behind-tls",
    "notify": "trouble#messages-do-not-get-through",
    "cloud_down": "trouble#the-cloud-gives-no-usable-answer",
    "cloud_unread": "trouble#the-jobs-of-a-site-cannot-be-read-in-the-cloud",
    "cloud_overflow": "trouble#the-list-of-the-cloud-is-too-long",
    "cloud_look_back": "trouble#the-daily-look-at-the-last-day-fails",
    "cloud_judging": "trouble#after-a-cancel_all-jobs-are-held",
    "cloud_untaken": "trouble#the-cloud-takes-no-statuses",
    "cloud_parked": "trouble#the-cloud-refuses-a-status",
    "cloud_refused": "trouble#the-cloud-refuses-a-status",
    "cloud_clock": "trouble#the-clouds-clock-differs",
    "cloud_reader": "trouble#another-program-reads-the-queue-in-the-cloud",
    "cloud_odd": "trouble#a-stop-close-or-park-of-the-cloud-cannot-be-read",
    "cloud_reset": "trouble#somebody-set-a-job-back-to-unread-in-the-cloud",
    "cloud_held": "trouble#jobs-of-the-cloud-are-held",
    "cloud_unsent": "trouble#statuses-did-not-reach-the-cloud",
    # Alarms.
    "stop": "trouble#a-stop-is-not-picked-up",
    "stop-missed": "trouble#a-stop-was-not-picked-up-by-one-of-the-programs",
    "stop-doubt": "trouble#a-stop-may-not-have-arrived",
    "stop-reported": "trouble#a-stop-was-reported-but-not-handed-out",
    "close-reported": "trouble#a-stop-was-reported-but-not-handed-out",
    "park-reported": "trouble#a-stop-was-reported-but-not-handed-out",
    "close": "trouble#a-closing-or-parking-may-not-have-happened",
    "close-doubt": "trouble#a-closing-or-parking-may-not-have-happened",
    "close-look": "trouble#a-closing-or-parking-may-not-have-happened",
    "park": "trouble#a-closing-or-parking-may-not-have-happened",
    "park-doubt": "trouble#a-closing-or-parking-may-not-have-happened",
    "park-look": "trouble#a-closing-or-parking-may-not-have-happened",
    "silent": "trouble#the-site-is-silent",
    "never-polled": "trouble#a-site-never-polled",
    "unreached": "trouble#names-that-no-site-uses",
    "stuck": "trouble#a-job-is-stuck",
    # Refusals: the code, or the topic where one is named.
    "login_link": "trouble#the-login-link-does-not-work",
    "unknown_name": "trouble#the-user-or-the-site-of-a-reservation-is-not-known",
    "reserved": "trouble#someone-else-has-a-reservation",
    "web_origin": "trouble#a-page-of-another-web-site-is-not-allowed",
    "wrong_host": "trouble#the-host-header-does-not-name-this-appliance",
    "wrong_tokens": "trouble#too-many-wrong-tokens",
    "unauthorized": "secure#tokens-and-roles",
    "forbidden": "secure#tokens-and-roles",
    "unavailable": "trouble#the-store-and-the-disk",
    "disk_full": "trouble#the-disk-is-nearly-full",
}


def section_of(code: str) -> str:
    """Return the address of the section, relative to the monitor; empty for a code without a section."""
    section = SECTIONS.get(code)
    return f"manual/{section}" if section else ""
