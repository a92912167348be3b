"""The declaration of every setting: default, limits and description."""

import os
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

_WEB = r"^(https?://[^/\s?#@]+(/[^\s?#]*)?)?$(?!\n)"
_WEB_WITH_QUERY = r"^(https?://[^/\s?#@]+([/?][^\s#]*)?)?$(?!\n)"
_STORE = r"^(postgres(ql)?://\S+)?$(?!\n)"
_STATION = r"^[A-Za-z0-9_-]{1,64}=[A-Za-z0-9_-]{1,64}(\+[A-Za-z0-9_-]{1,64})*$(?!\n)"
CommandClass = Literal[
    "stop", "close", "park", "motion", "exposure", "script", "safety", "roof", "config", "restart", "other"
]
Seconds = Annotated[int, Meta(ge=0, le=10_000_000)]
# Settings without an effect, and why: a file from an earlier version keeps no server from starting.
RETIRED = {"held_share": "requests that wait hold no thread any more"}
# Settings without a meaning on a hub, and why.
NOT_ON_HUB = {
    "min_free_mb": "the disk is the business of the database's server",
    "backup_keep": "backups are made where the database runs",
    "backup_hour": "backups are made where the database runs",
    "backup_copy": "backups are made where the database runs",
}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings in force. Every field is a setting, and the description is the manual's reference."""

    host: Annotated[
        str,
        Meta(
            description="the address to listen on; 127.0.0.1, which stands for ::1 too, keeps other machines out",
            min_length=1,
        ),
    ] = "127.0.0.1"
    port: Annotated[int, Meta(description="the TCP port; 0 takes any free one", ge=0, le=65535)] = 8642
    allowed_hosts: Annotated[
        list[str],
        Meta(description="host names of the appliance besides this machine's own, such as that of a proxy"),
    ] = []
    allowed_origins: Annotated[
        list[Annotated[str, Meta(pattern=r"^https?://[^/\s*]+/?$")]],
        Meta(description="web origins whose pages may call the appliance, such as https://www.photonranch.org"),
    ] = []
    observatory_access: Annotated[
        Literal["loopback", "token", "open"],
        Meta(
            description="who may call getnewjobs, updatejobstatus, startjob and getrecentjobs without a token: "
            "programs on this machine (loopback), nobody (token), every program that reaches the port (open)",
        ),
    ] = "loopback"
    threads: Annotated[
        int,
        Meta(description="the number of requests answered at the same time, besides two polls or stops", ge=4, le=256),
    ] = 24
    connections: Annotated[
        int,
        Meta(
            description="the number of connections that may be open at the same time, on Windows 480 at most; near it "
            "the one that idles longest is closed for a new one",
            ge=16,
            le=480 if os.name == "nt" else 20_000,
        ),
    ] = 480
    min_free_mb: Annotated[int, Meta(description="free disk in MB below which new jobs are refused (507)", ge=0)] = 200
    keep_days: Annotated[int, Meta(description="days that finished jobs are kept; 0 keeps them for ever", ge=0)] = 0
    backup_keep: Annotated[
        int, Meta(description="the number of nightly backups that are kept; 0 makes no backup", ge=0, le=1000)
    ] = 7
    backup_hour: Annotated[
        int, Meta(description="the hour (0-23, UTC) after which the nightly backup is made", ge=0, le=23)
    ] = 20
    backup_copy: Annotated[
        str,
        Meta(
            description="a folder on another disk or machine, with its full path, into which each nightly backup is "
            "copied, such as a share or a stick; empty: none"
        ),
    ] = ""
    expire_motion_s: Annotated[
        Seconds, Meta(description="seconds after which an unfetched motion command expires; 0: never")
    ] = 600
    expire_exposure_s: Annotated[
        Seconds, Meta(description="seconds after which an unfetched exposure expires; 0: never")
    ] = 1800
    expire_script_s: Annotated[
        Seconds, Meta(description="seconds after which an unfetched script expires; 0: never")
    ] = 1800
    expire_config_s: Annotated[
        Seconds, Meta(description="seconds after which an unfetched configuration command expires; 0: never")
    ] = 600
    expire_safety_s: Annotated[
        Seconds, Meta(description="seconds after which an unfetched safety setting expires; 0: never")
    ] = 600
    expire_roof_s: Annotated[
        Seconds, Meta(description="seconds after which an unfetched roof or weather command expires; 0: never")
    ] = 600
    expire_restart_s: Annotated[
        Seconds, Meta(description="seconds after which an unfetched restart expires; 0: never")
    ] = 600
    expire_other_s: Annotated[
        Seconds,
        Meta(description="seconds after which an unfetched command outside the catalogue expires; 0: never"),
    ] = 1800
    expire_stop_s: Annotated[Seconds, Meta(description="seconds after which an unfetched stop expires; 0: never")] = 0
    expire_close_s: Annotated[
        Seconds, Meta(description="seconds after which an unfetched closing command expires; 0: never")
    ] = 0
    expire_park_s: Annotated[
        Seconds, Meta(description="seconds after which an unfetched parking command expires; 0: never")
    ] = 0
    redeliver: Annotated[
        Literal["never", "once"],
        Meta(
            description="an unconfirmed hand-out is repeated only by a person (never), or once with the next poll "
            "(once): for observatories that remember the ids of received jobs"
        ),
    ] = "never"
    redeliver_sites: Annotated[
        list[Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}=(never|once)$(?!\n)")]],
        Meta(description="sites for which redeliver is another one, such as wema=once"),
    ] = []
    redeliver_stop: Annotated[
        bool,
        Meta(
            description="whether a stop that nothing confirmed, or that was thrown away, is handed out once more with "
            "the next poll, as long as nothing newer was handed out since"
        ),
    ] = True
    stop_scope: Annotated[
        Literal["site", "cancel_all"],
        Meta(
            description="which commands withdraw every older waiting job of their site, except closing and parking: "
            "stop, cancel, cancel_all_commands and run with stopScript (site), or cancel_all_commands alone "
            "(cancel_all)"
        ),
    ] = "site"
    stop_settle_s: Annotated[
        Annotated[int, Meta(ge=0, le=3600)],
        Meta(
            description="seconds after the hand-out of a stop during which nothing but stops is handed out; further "
            "stops extend the time, but closing and parking leave at the latest when the first such time since they "
            "were sent is over"
        ),
    ] = 0
    stop_needs: Annotated[
        Literal["token", "reservation"],
        Meta(
            description="what stopping, closing and parking needs while somebody else has the reservation: a token "
            "that may command the site, or the reservation itself"
        ),
    ] = "token"
    oidc_issuer: Annotated[
        str,
        Meta(description="the issuer of an outside provider's tokens, exactly as in the tokens; empty: no provider"),
    ] = ""
    oidc_audience: Annotated[str, Meta(description="the audience in the provider's tokens")] = ""
    oidc_certificate: Annotated[
        str, Meta(description="the provider's signing certificate or public key: a PEM file, or the PEM text itself")
    ] = ""
    oidc_jwks_url: Annotated[
        str,
        Meta(
            description="the address of the provider's public keys; empty: the certificate, or without a certificate "
            "ISSUER/.well-known/jwks.json"
        ),
    ] = ""
    oidc_namespace: Annotated[
        str,
        Meta(description="the prefix of the provider's claims; NAMESPACE/app_metadata has the roles"),
    ] = ""
    oidc_user_metadata: Annotated[
        bool,
        Meta(
            description="whether NAMESPACE/user_metadata gives roles too, to users without NAMESPACE/app_metadata; at "
            "Auth0 users may change their user_metadata themselves"
        ),
    ] = False
    oidc_userinfo_url: Annotated[
        str, Meta(description="the address that gives the roles when the token has neither claim; empty: no address")
    ] = ""
    login_failures: Annotated[
        int, Meta(description="wrong tokens and links a minute from an address; more get 429", ge=1, le=10_000)
    ] = 30
    newjob_rate: Annotated[
        int,
        Meta(
            description="new jobs a minute from a user, and reports a minute from an address without a token; more get "
            "429, but stops, closings and parkings are taken, and so is the first and the final report on each job",
            ge=1,
            le=10**7,
        ),
    ] = 60_000
    max_params_kb: Annotated[
        int,
        Meta(
            description="the largest params of a new job in kB, both objects together; larger ones get 413, but a "
            "stop, closing or parking goes without its params",
            ge=4,
            le=1000,
        ),
    ] = 64
    trusted_proxy: Annotated[
        str,
        Meta(
            description="the address of a reverse proxy, whose X-Forwarded-For and -Proto are trusted; empty: no proxy",
            pattern=r"^[0-9A-Fa-f.:]*$",
        ),
    ] = ""
    reservations: Annotated[
        Literal["none", "local", "calendar"],
        Meta(
            description="who may command a reserved telescope: every user (none), the users named by `prjobs reserve` "
            "(local), also the users named by a calendar service (calendar)"
        ),
    ] = "none"
    calendar_url: Annotated[
        str, Meta(description="the calendar service, such as https://calendar.example.org/prod", pattern=_WEB)
    ] = ""
    calendar_stale: Annotated[
        Literal["allow", "deny"],
        Meta(
            description="allow or deny users' commands when the calendar was never reached, when the answer is too "
            "old, and while an event cannot be read; administrators may always command"
        ),
    ] = "deny"
    calendar_max_age_s: Annotated[
        int, Meta(description="seconds after which the calendar's last answer is too old", ge=120, le=10_000_000)
    ] = 3600
    stations: Annotated[
        list[Annotated[str, Meta(pattern=_STATION)]],
        Meta(
            description="enclosure stations and their observatories, such as wema=mrc1+mrc2: a reservation of an "
            "observatory reserves the station too"
        ),
    ] = []
    site_places: Annotated[
        list[str],
        Meta(
            description="the places of sites, such as saf=35.55,-105.87,2187 (degrees north, degrees east, metres), "
            "for sunset, dawn and sidereal time"
        ),
    ] = []
    groups: Annotated[
        list[str],
        Meta(
            description="groups of sites for the monitor's table of many sites, such as north=saf+mrc*, where * stands "
            "for any characters and ? for one; in the file a table [groups] with a list for each name"
        ),
    ] = []
    site_zones: Annotated[
        list[str],
        Meta(description="the time zones of sites, such as saf=America/Denver: a night runs from noon to noon there"),
    ] = []
    staff_classes: Annotated[
        list[CommandClass], Meta(description="classes of commands that need the admin or owner role")
    ] = msgspec.field(default_factory=lambda: ["roof", "safety", "restart"])
    proxies: Annotated[
        Literal["environment", "none"],
        Meta(
            description="the proxies for the cloud, the calendar, the provider and messages: those of HTTP_PROXY, "
            "HTTPS_PROXY and NO_PROXY, or of the system's settings (environment), or no proxy (none)"
        ),
    ] = "environment"
    notify: Annotated[
        list[str],
        Meta(
            description="the addresses that alarms go out to, in the form of Apprise, such as ntfys://topic; options "
            "follow after a bar: name, kinds, sites"
        ),
    ] = []
    notify_again_min: Annotated[
        int,
        Meta(
            description="minutes after which a message repeats the alarms without an acknowledgement; 0: never",
            ge=0,
            le=10_000,
        ),
    ] = 15
    monitor_url: Annotated[
        str,
        Meta(
            description="the address of the monitor for people outside, such as https://prjobs.example.org/, for the "
            "link in messages; empty: the address that prjobs listens on",
            pattern=_WEB,
        ),
    ] = ""
    heartbeat_url: Annotated[
        str,
        Meta(
            description="the address of a dead man's switch, such as Healthchecks or Uptime Kuma, that is asked every "
            "minute while everything is well",
            pattern=_WEB_WITH_QUERY,
        ),
    ] = ""
    cloud_mode: Annotated[
        Literal["off", "primary", "standby", "shadow"],
        Meta(
            description="the link to the cloud: off; primary hands out the cloud's jobs and reports their statuses; "
            "standby reads along, ready to become the primary; shadow only compares with another program's work",
        ),
    ] = "off"
    cloud_base_url: Annotated[
        str, Meta(description="the address of the cloud's endpoints, such as https://jobs.photonranch.org/jobs")
    ] = ""
    cloud_sites: Annotated[list[str], Meta(description="the sites whose jobs are kept in step with the cloud")] = []
    cloud_ca_file: Annotated[
        str, Meta(description="a file of certificates to trust instead of the system's, for a cloud of your own")
    ] = ""
    cloud_token_file: Annotated[
        str, Meta(description="a file with the token for the cloud; read again when the cloud refuses the token")
    ] = ""
    cloud_newjob: Annotated[
        Literal["local", "forward"],
        Meta(
            description="local keeps new jobs here; forward passes new jobs, except stops, on to the cloud with the "
            "user's own token while the cloud answers"
        ),
    ] = "local"
    cloud_late_register: Annotated[
        Literal["off", "on"],
        Meta(
            description="with forward: on registers a job that was made here because the cloud did not answer in the "
            "cloud within ten minutes, with the user's token, kept in memory only"
        ),
    ] = "off"
    cloud_bell: Annotated[
        Literal["off", "alternate"],
        Meta(
            description="off: new jobs of the cloud are seen within five seconds; alternate: within one second, by "
            "polling the cloud's alternate queue, which no other program may poll then"
        ),
    ] = "off"
    cloud_import_hours: Annotated[
        int, Meta(description="hours of the cloud's past that the first import of a site covers", ge=0, le=24 * 365)
    ] = 24
    store_url: Annotated[
        str,
        Meta(
            description="for a hub: the database on PostgreSQL, such as postgresql://prjobs@db/prjobs; empty: the file "
            "in the data folder",
            pattern=_STORE,
        ),
    ] = ""
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="the least important lines that are logged")
    ] = "info"

    def redeliver_at(self, site: str) -> str:
        """Return what becomes of a hand-out at the site that nothing confirmed: never or once."""
        by_site = dict(entry.split("=") for entry in self.redeliver_sites)
        return by_site.get(site, self.redeliver)

    def expiry_s(self, command_class: str) -> int:
        """Return the seconds until an unfetched command of this class expires; 0 for never."""
        return int(getattr(self, f"expire_{command_class}_s"))
