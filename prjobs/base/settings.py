"""All settings, declared once, with their defaults, limits and descriptions."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

_WEB = r"^(https?://[^/\s?#@]+(/[^\s?#]*)?)?$(?!\n)"
_STATION = r"^[A-Za-z0-9_-]{1,64}=[A-Za-z0-9_-]{1,64}(\+[A-Za-z0-9_-]{1,64})*$(?!\n)"
CommandClass = Literal[
    "stop", "close", "park", "motion", "exposure", "script", "safety", "roof", "config", "restart", "other"
]
Seconds = Annotated[int, Meta(ge=0, le=10_000_000)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings in force. Every field is a setting; its description is the reference."""

    host: Annotated[
        str, Meta(description="the address to listen on; 127.0.0.1 keeps other machines out", min_length=1)
    ] = "127.0.0.1"
    port: Annotated[int, Meta(description="the TCP port; 0 takes any free one", ge=0, le=65535)] = 8642
    allowed_hosts: Annotated[
        list[str],
        Meta(description="host names, besides this machine's own, under which the appliance may be addressed"),
    ] = []
    allowed_origins: Annotated[
        list[Annotated[str, Meta(pattern=r"^https?://[^/\s*]+/?$")]],
        Meta(description="web origins whose pages may call it, such as https://www.photonranch.org"),
    ] = []
    observatory_access: Annotated[
        Literal["loopback", "token", "open"],
        Meta(
            description="who may call getnewjobs, updatejobstatus, startjob and getrecentjobs without a token: "
            "programs on this machine (loopback), nobody (token), everybody who can reach it (open)",
        ),
    ] = "loopback"
    threads: Annotated[int, Meta(description="how many requests are worked on at the same time", ge=4, le=256)] = 24
    held_share: Annotated[
        float, Meta(description="the share of the threads that long polls may hold", ge=0.0, le=0.9)
    ] = 0.5
    connections: Annotated[
        int, Meta(description="how many connections may be open at the same time", ge=16, le=20_000)
    ] = 480
    min_free_mb: Annotated[int, Meta(description="free disk in MB below which new jobs are refused (507)", ge=0)] = 200
    keep_days: Annotated[int, Meta(description="days that finished jobs are kept; 0 keeps them for ever", ge=0)] = 0
    backup_keep: Annotated[int, Meta(description="how many nightly backups are kept; 0 makes none", ge=0, le=1000)] = 7
    backup_hour: Annotated[
        int, Meta(description="the hour (0-23, UTC) after which the nightly backup is made", ge=0, le=23)
    ] = 20
    expire_motion_s: Annotated[
        Seconds, Meta(description="seconds after which a motion command that nobody fetched expires; 0: never")
    ] = 600
    expire_exposure_s: Annotated[Seconds, Meta(description="the same for exposures")] = 1800
    expire_script_s: Annotated[Seconds, Meta(description="the same for scripts")] = 1800
    expire_config_s: Annotated[Seconds, Meta(description="the same for configuration")] = 600
    expire_safety_s: Annotated[Seconds, Meta(description="the same for safety settings")] = 600
    expire_roof_s: Annotated[Seconds, Meta(description="the same for roof and weather commands")] = 600
    expire_restart_s: Annotated[Seconds, Meta(description="the same for restarts")] = 600
    expire_other_s: Annotated[Seconds, Meta(description="the same for commands that the catalogue does not know")] = (
        1800
    )
    expire_stop_s: Annotated[Seconds, Meta(description="the same for stops: never")] = 0
    expire_close_s: Annotated[Seconds, Meta(description="the same for closing: never")] = 0
    expire_park_s: Annotated[Seconds, Meta(description="the same for parking: never")] = 0
    redeliver: Annotated[
        Literal["never", "once"],
        Meta(
            description="what becomes of a hand-out that nothing confirmed: never hands it out again by itself; once "
            "does so with the next poll, for observatories that remember the ids of the jobs they got"
        ),
    ] = "never"
    oidc_issuer: Annotated[
        str, Meta(description="the issuer of an outside provider's tokens, exactly as they name it; empty: none")
    ] = ""
    oidc_audience: Annotated[str, Meta(description="the audience that its tokens must be for")] = ""
    oidc_certificate: Annotated[
        str, Meta(description="its signing certificate or public key: a PEM file, or the PEM text itself")
    ] = ""
    oidc_jwks_url: Annotated[
        str,
        Meta(description="where its keys are published; empty: ISSUER/.well-known/jwks.json, without a certificate"),
    ] = ""
    oidc_namespace: Annotated[
        str, Meta(description="the prefix of its own claims: roles stand in NAMESPACE/app_metadata or /user_metadata")
    ] = ""
    oidc_userinfo_url: Annotated[
        str, Meta(description="where roles are asked for when the token holds neither claim; empty: nowhere")
    ] = ""
    login_failures: Annotated[
        int, Meta(description="wrong tokens and links a minute from one address, then 429", ge=1, le=10_000)
    ] = 30
    newjob_rate: Annotated[
        int,
        Meta(
            description="new jobs a minute from one user or address, then 429; stops are always taken", ge=1, le=10**7
        ),
    ] = 60_000
    trusted_proxy: Annotated[
        str,
        Meta(
            description="the address of a reverse proxy whose X-Forwarded-For and -Proto are believed; empty: none",
            pattern=r"^[0-9A-Fa-f.:]*$",
        ),
    ] = ""
    reservations: Annotated[
        Literal["none", "local", "calendar"],
        Meta(
            description="who may command while a telescope is reserved: everybody (none), whom `prjobs reserve` "
            "names (local), also whom a calendar service names (calendar)"
        ),
    ] = "none"
    calendar_url: Annotated[
        str, Meta(description="the calendar service, such as https://calendar.example.org/prod", pattern=_WEB)
    ] = ""
    calendar_stale: Annotated[
        Literal["allow", "deny"],
        Meta(
            description="whether users may command when the calendar was never reached or its answer is too old; "
            "administrators always may"
        ),
    ] = "deny"
    calendar_max_age_s: Annotated[
        int, Meta(description="seconds after which the calendar's last answer is too old", ge=120, le=10_000_000)
    ] = 3600
    stations: Annotated[
        list[Annotated[str, Meta(pattern=_STATION)]],
        Meta(
            description="enclosure stations and their observatories, such as wema=mrc1+mrc2: who reserved one of "
            "these has reserved the station too"
        ),
    ] = []
    site_places: Annotated[
        list[str],
        Meta(
            description="where sites stand, such as saf=35.55,-105.87,2187 (degrees north, degrees east, metres): "
            "gives sunset, dawn and sidereal time"
        ),
    ] = []
    site_zones: Annotated[
        list[str],
        Meta(description="the time zones of sites, such as saf=America/Denver: nights run from noon to noon there"),
    ] = []
    staff_classes: Annotated[
        list[CommandClass], Meta(description="classes of commands that need the admin or owner role")
    ] = msgspec.field(default_factory=lambda: ["roof", "safety", "restart"])
    cloud_mode: Annotated[
        Literal["off", "primary", "standby", "shadow"],
        Meta(
            description="the link to the cloud: off; primary hands the cloud's jobs out and reports them there; "
            "standby reads along, ready to become the primary; shadow only watches another program do the work",
        ),
    ] = "off"
    cloud_base_url: Annotated[
        str, Meta(description="where the cloud's endpoints are, such as https://jobs.photonranch.org/jobs")
    ] = ""
    cloud_sites: Annotated[list[str], Meta(description="the sites whose jobs are kept in step with the cloud")] = []
    cloud_ca_file: Annotated[
        str, Meta(description="a file of certificates to trust instead of the system's, for a cloud of your own")
    ] = ""
    cloud_token_file: Annotated[
        str, Meta(description="a file with a token that is sent to the cloud; read again when the cloud refuses it")
    ] = ""
    cloud_newjob: Annotated[
        Literal["local", "forward"],
        Meta(
            description="what becomes of jobs asked for at the site: local keeps them here; forward hands them to the "
            "cloud with their user's own token while it answers, except stops, which never wait"
        ),
    ] = "local"
    cloud_late_register: Annotated[
        Literal["off", "on"],
        Meta(
            description="with forward: whether a job that was made here because the cloud did not answer is told to it "
            "when it answers again, within ten minutes and with its user's token, which is kept in memory alone"
        ),
    ] = "off"
    cloud_bell: Annotated[
        Literal["off", "alternate"],
        Meta(
            description="off: new jobs of the cloud are seen within five seconds; alternate: within one, by taking "
            "them from the cloud's alternate queue, which nobody else may use then"
        ),
    ] = "off"
    cloud_import_hours: Annotated[
        int, Meta(description="hours of the cloud's past that a site's first look takes in", ge=0, le=24 * 365)
    ] = 24
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="the least important lines that are logged")
    ] = "info"

    def expiry_s(self, command_class: str) -> int:
        """Return the seconds until an unfetched command of this class expires; 0 for never."""
        return int(getattr(self, f"expire_{command_class}_s"))
