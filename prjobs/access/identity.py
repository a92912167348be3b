"""The identity of a caller, as proved by a token of the appliance or of an outside provider."""

from collections.abc import Collection, Sequence

import msgspec
from msgspec import UNSET, UnsetType

ROLES = ("admin", "owner", "observatory", "viewer")
LOG_IN = "Unauthorized. Please log in: "


class Identity(msgspec.Struct, frozen=True):
    """A user, a program or a service. Empty `sites` means every site; a `service` may act for other users.

    `made_ms` and `ends_ms` are the times of the token, 0 where unknown.
    """

    user_id: str
    user_name: str
    roles: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    token_id: str = ""
    service: bool = False
    made_ms: int = 0
    ends_ms: int = 0

    @property
    def is_admin(self) -> bool:
        """Return True for an administrator. Roles are compared whole: `notadmin` is not `admin`."""
        return "admin" in self.roles

    @property
    def is_staff(self) -> bool:
        """Return True for administrators and owners."""
        return self.is_admin or "owner" in self.roles

    @property
    def roles_json(self) -> str:
        """Return the roles in their wire format: a JSON list of texts."""
        return msgspec.json.encode(list(self.roles)).decode()

    def reaches(self, site: str) -> bool:
        """Return True if the token is good for this site."""
        return not self.sites or site in self.sites

    def covers(self, sites: Collection[str]) -> bool:
        """Return True if the token is good for all these sites; an empty collection stands for every site."""
        return not self.sites or (bool(sites) and set(sites) <= set(self.sites))


class User(msgspec.Struct, frozen=True, omit_defaults=True):
    """The user of the token or login; without the two times for a token that does not end."""

    user_id: str
    user_name: str
    roles: Sequence[str]
    sites: Sequence[str]
    login_ends_ms: int | UnsetType = UNSET
    login_warn_ms: int | UnsetType = UNSET
