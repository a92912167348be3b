"""The tokens of observatory programs that end soon or have ended: the program is refused from then on."""

from prjobs.access.desk import Desk
from prjobs.access.tokens import DAY_S, TokenInfo, list_tokens
from prjobs.base.clock import moment
from prjobs.base.notices import Code
from prjobs.store.common import Common

WARN_MS = 14 * DAY_S * 1000


def watch_once(desk: Desk) -> None:
    """Raise a notice for each site whose program's token ends within 14 days; end the other notices."""
    now_ms = desk.clock.now_ms()
    ending = [one for one in _programs(desk) if one.revoked_ms is None and 0 < one.expires_ms - now_ms <= WARN_MS]
    by_site: dict[str, list[str]] = {}
    for one in ending:
        for site in one.sites or [""]:
            by_site.setdefault(site, []).append(_sentence(one))
    for notice in desk.notices.all():
        if notice.code == Code.TOKEN_ENDS and notice.site not in by_site:
            desk.notices.end(notice.code, notice.site)
    for site, sentences in by_site.items():
        desk.notices.say(Code.TOKEN_ENDS, " ".join(sentences), site)


def ended_between(common: Common, site: str, since_ms: int, until_ms: int) -> list[str]:
    """Return a sentence for each token of the site's programs that ended or was revoked between two moments."""
    ends = [(one, one.revoked_ms or one.expires_ms) for one in _programs(common) if not one.sites or site in one.sites]
    return [
        f"The observatory token {one.id} of {one.user_name} {'was revoked' if one.revoked_ms else 'ended'} at "
        f"{moment(end_ms):%H:%M:%S} UTC: give the program another."
        for one, end_ms in ends
        if since_ms <= end_ms <= until_ms
    ]


def _programs(common: Common) -> list[TokenInfo]:
    """Return the tokens that observatory programs poll with."""
    return list_tokens(common, "observatory")


def _sentence(one: TokenInfo) -> str:
    end = moment(one.expires_ms).strftime("%Y-%m-%d %H:%M UTC")
    sites = ", ".join(one.sites) or "every site"
    return (
        f"The observatory token {one.id} of {one.user_name} for {sites} ends on {end}: make another with "
        "“prjobs token create”, give it to the program, then revoke this one."
    )
