"""Users of an outside provider (OpenID Connect): tokens are checked offline, with keys kept here.

The checks follow RFC 8725: one pinned algorithm (RS256); issuer, audience, expiry and subject required; unknown
critical headers refused; `kid` only selects a known key; `jku`, `jwk` and `x5u` are never read. The keys come from a
certificate, or from the provider's key set, a copy of which in the data folder lets tokens verify offline.
"""

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prjobs.access.claims import listed_roles, printable, seconds
from prjobs.access.dates import DatedAnswer, HeardDate
from prjobs.access.identity import LOG_IN, Identity
from prjobs.base.clock import Clock, moment
from prjobs.base.errors import Unauthorized, Unavailable, Unusable
from prjobs.base.files import write_whole
from prjobs.base.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

logger = logging.getLogger(__name__)
LEEWAY_S = 30
MAX_TOKEN = 8192
ASK_AGAIN_S = 60.0
REFRESH_S = 6 * 3600.0
# The wait after a failed fetch of the keys; in the background doubled at each failure, up to ASK_AGAIN_S.
RETRY_S = 5.0
WAIT_S = 10.0
USERINFO_KEEP_S = 600.0
USERINFO_USERS = 1000
_FETCHING = "The keys of the login provider are being fetched: send the request again in a few seconds."
_NOT_FETCHED = (
    "The keys of the login provider could not be fetched, so this token cannot be checked: send the request again in "
    "a minute. The log of the appliance has the reason."
)
UNREAD_ROLES = (
    "The login provider lists roles of a user in user_metadata, which is not read: at some providers users may change "
    "it themselves. Move the roles to app_metadata, or set oidc_user_metadata to true."
)
# A certificate or a cache on the way may be seconds off.
CLOCK_OFF_S = 5.0
STALE_S = 86_400.0
# The JSON of an answer, alone or with the answer's date.
Fetch = Callable[[str, dict[str, str]], Any]


class Provider:
    """An outside provider. `fetch(url, headers)` returns the JSON of an answer, or raises."""

    def __init__(self, folder: Path, settings: Settings, clock: Clock, fetch: Fetch) -> None:
        self.issuer = settings.oidc_issuer
        self._settings = settings
        self._clock = clock
        self._fetch = fetch
        self._kept = folder / "jwks.json"
        self._asked_s: float | None = None
        self._failures = 0
        # The reason of the last failure: one line in the log is enough for many failures.
        self._reason = ""
        # A sentence for staff once a user has roles in user_metadata alone, which are not read.
        self.unread_roles = ""
        self._asking = threading.Lock()
        self._fetched_s = clock.elapsed_s()
        self._date: HeardDate | None = None
        # Requests that wait for keys hold threads, which polls need too.
        self._waiting = threading.Semaphore(max(1, settings.threads // 3))
        self._roles: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._certificate = _read_certificate(settings.oidc_certificate) if settings.oidc_certificate else None
        self._keys = {} if self._certificate or not self.issuer else self._read_kept()
        if settings.oidc_issuer and not settings.oidc_audience:
            sentence = (
                "oidc_audience is empty, so prjobs would accept tokens that oidc_issuer made for other services. "
                "Set oidc_audience to the audience of this service."
            )
            raise Unusable(sentence)

    # ---- for staff

    @property
    def has_keys(self) -> bool:
        """True if tokens can be checked: without a provider nothing is to be checked."""
        return bool(not self.issuer or self._certificate or self._keys)

    def unfetched(self) -> str:
        """Return a sentence when the keys were not fetched: none are known, or the fetches failed for a day."""
        failing_s = self._clock.elapsed_s() - self._fetched_s
        if not self._failures or (self._keys and failing_s < STALE_S):
            return ""
        check = "Check that this machine reaches the provider, and check oidc_issuer and oidc_jwks_url."
        if not self._keys:
            said = "The keys of the login provider were not fetched, so no token of the provider can be checked"
            return f"{said}: {self._reason}. {check}"
        said = "The keys of the login provider were not fetched for a day; a new key of the provider is not known here"
        return f"{said}: {self._reason}. {check}"

    def clock_off(self) -> str:
        """Return a sentence when the provider's clock, as its last answer had it, differs from this machine's."""
        date = self._date
        off_s = 0.0 if date is None else (date.now_ms(self._clock.elapsed_s()) - self._clock.now_ms()) / 1000
        if abs(off_s) <= CLOCK_OFF_S:
            return ""
        words = f"{abs(off_s):.0f} s {'ahead of' if off_s > 0 else 'behind'}"
        return f"The clock of the login provider is {words} this machine's: set this machine's clock from the network."

    # ---- whose token

    def identify(self, token: str) -> Identity:
        """Return the user of the token. Raise Unauthorized when any check fails."""
        if len(token) > MAX_TOKEN:
            raise Unauthorized(LOG_IN + "the token is too long.")
        # Imported late, as cryptography is: a site without a provider needs neither.
        import jwt

        try:
            header = jwt.get_unverified_header(token)
            if "crit" in header:
                raise Unauthorized(LOG_IN + "the token has critical headers that this server does not know.")
            claims = jwt.decode(
                token,
                self._key(header.get("kid")),
                algorithms=["RS256"],
                issuer=self.issuer,
                audience=self._settings.oidc_audience,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthorized(LOG_IN + "the token has expired.") from None
        except jwt.ImmatureSignatureError:
            raise Unauthorized(LOG_IN + self._too_early()) from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise Unauthorized(LOG_IN + "the token is not valid here.") from None
        return self._identity(token, claims)

    def _too_early(self) -> str:
        now = moment(self._clock.now_ms())
        return (
            "the token is not valid here yet, because its iat or nbf is in the future by this server's clock, which "
            f"shows {now:%Y-%m-%d %H:%M:%S} UTC. Check the clock of the server."
        )

    def _identity(self, token: str, claims: dict[str, Any]) -> Identity:
        user_id = printable(claims["sub"])
        if not user_id or user_id != claims["sub"]:
            raise Unauthorized(LOG_IN + "the token's sub is not a text of 1 to 128 printable characters.")
        service = claims.get("gty") == "client-credentials" and user_id.endswith("@clients")
        name = printable(claims.get("name")) or printable(claims.get("nickname")) or user_id
        made_ms, ends_ms = (seconds(claims.get(claim)) * 1000 for claim in ("iat", "exp"))
        roles = self._roles_of(token, claims)
        return Identity(user_id, name, roles, service=service, made_ms=made_ms, ends_ms=ends_ms)

    def _key(self, kid: Any) -> "RSAPublicKey":
        if self._certificate:
            return self._certificate
        if not isinstance(kid, str):
            raise Unauthorized(LOG_IN + "the token does not name its key.")
        if kid not in self._keys and not self.refresh_if_due(ASK_AGAIN_S) and not self._failures:
            # After a failure nobody waits: anybody can send tokens with keys that the provider does not have.
            self._wait_for_keys()
        if kid not in self._keys and self._failures:
            raise Unavailable(_NOT_FETCHED)
        if kid not in self._keys:
            raise Unauthorized(LOG_IN + "the token's key is not known here.")
        return self._keys[kid]

    # ---- roles

    def _roles_of(self, token: str, claims: dict[str, Any]) -> tuple[str, ...]:
        """Return the roles in the token, else from userinfo; without either an empty tuple, never an error."""
        found = self._metadata_roles(claims)
        if found is None and self._settings.oidc_userinfo_url:
            return self._asked_roles(token, str(claims["sub"]))
        return found or ()

    def _asked_roles(self, token: str, user_id: str) -> tuple[str, ...]:
        now_s = self._clock.elapsed_s()
        known = self._roles.get(user_id)
        if known and known[0] > now_s:
            return known[1]
        keep_s = ASK_AGAIN_S
        roles: tuple[str, ...] = ()
        try:
            answer = self._fetch(self._settings.oidc_userinfo_url, {"Authorization": f"Bearer {token}"})
            if isinstance(answer, DatedAnswer):
                answer, self._date = answer.value, answer.date
            if isinstance(answer, dict) and answer.get("sub") == user_id:
                keep_s, roles = USERINFO_KEEP_S, self._metadata_roles(answer) or ()
        except Exception as error:
            logger.warning("the provider gave no roles of a user, who has none until the next try: %s", error)
        if len(self._roles) >= USERINFO_USERS:
            self._roles.clear()
        self._roles[user_id] = (now_s + keep_s, roles)
        return roles

    def _metadata_roles(self, claims: dict[str, Any]) -> tuple[str, ...] | None:
        """Return the known roles in a set of claims; None when the claims have no list of roles."""
        found = listed_roles(claims, self._settings.oidc_namespace, "app_metadata")
        if found is not None:
            return found
        found = listed_roles(claims, self._settings.oidc_namespace, "user_metadata")
        if found and not self._settings.oidc_user_metadata:
            self.unread_roles = UNREAD_ROLES
            return None
        return found

    # ---- keys

    def run(self, stop: threading.Event) -> None:
        """Refresh the keys in the background until `stop` is set. Return immediately when no keys are to be fetched."""
        while self.issuer and not self._certificate and not stop.is_set():
            self.refresh_if_due()
            stop.wait(RETRY_S)

    def refresh_if_due(self, every_s: float = REFRESH_S) -> bool:
        """Fetch the key set unless the last fetch is less than `every_s` ago. Return True if keys were fetched.

        After a failed fetch the next one is due after seconds, for a request with an unknown key as for the background.
        """
        if self._certificate or not self.issuer or not self._asking.acquire(blocking=False):
            return False
        try:
            now_s = self._clock.elapsed_s()
            if self._failures:
                doubled_s = min(RETRY_S * 2 ** min(self._failures - 1, 10), ASK_AGAIN_S)
                every_s = RETRY_S if every_s < REFRESH_S else doubled_s
            if self._asked_s is not None and now_s - self._asked_s < every_s:
                return False
            self._asked_s = now_s
            fetched = self._fetch_keys()
            self._failures = 0 if fetched else self._failures + 1
            return fetched
        finally:
            self._asking.release()

    def _wait_for_keys(self) -> None:
        """Wait while another request fetches the keys. Raise Unavailable when that takes long, or when many wait."""
        if not self._waiting.acquire(blocking=False):
            raise Unavailable(_FETCHING)
        try:
            if not self._asking.acquire(timeout=WAIT_S):
                raise Unavailable(_FETCHING)
            self._asking.release()
        finally:
            self._waiting.release()

    def _fetch_keys(self) -> bool:
        url = self._settings.oidc_jwks_url or self.issuer.rstrip("/") + "/.well-known/jwks.json"
        try:
            answer = self._fetch(url, {})
            if isinstance(answer, DatedAnswer):
                answer, self._date = answer.value, answer.date
        except Exception as error:
            if str(error) != self._reason:
                logger.warning("the provider's keys were not fetched, and the known keys stay in use: %s", error)
            self._reason = str(error)
            return False
        keys = _parse_keys(answer)
        if not keys:
            logger.warning("the provider's key set at %s holds no usable key: check oidc_jwks_url and oidc_issuer", url)
            self._reason = f"the key set at {url} holds no usable key"
            return False
        self._keys, self._reason, self._fetched_s = keys, "", self._clock.elapsed_s()
        self._keep(answer)
        return True

    def _keep(self, answer: Any) -> None:
        try:
            write_whole(self._kept, json.dumps(answer))
        except OSError as error:
            logger.warning("the provider's keys are used, but not kept for the next start: %s", error)

    def _read_kept(self) -> "dict[str, RSAPublicKey]":
        try:
            return _parse_keys(json.loads(self._kept.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}


def _parse_keys(key_set: Any) -> "dict[str, RSAPublicKey]":
    from prjobs.access.provider_keys import parse_keys

    return parse_keys(key_set)


def _read_certificate(named: str) -> "RSAPublicKey":
    from prjobs.access.provider_keys import read_certificate

    return read_certificate(named)
