"""Who asks: what a token proves, whoever made it."""

from collections.abc import Collection
from dataclasses import dataclass

import msgspec

ROLES = ("admin", "owner", "observatory", "viewer")
LOG_IN = "Unauthorized. Please log in: "


@dataclass(frozen=True)
class Identity:
    """A user, a program or a service. `sites` empty means every site; `service` may act for others."""

    user_id: str
    user_name: str
    roles: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    token_id: str = ""
    service: bool = False

    @property
    def is_admin(self) -> bool:
        """Roles are compared whole: `notadmin` is not `admin`."""
        return "admin" in self.roles

    @property
    def is_staff(self) -> bool:
        """Admins and owners."""
        return self.is_admin or "owner" in self.roles

    @property
    def roles_json(self) -> str:
        """The roles as the wire carries them: a JSON list of texts."""
        return msgspec.json.encode(list(self.roles)).decode()

    def reaches(self, site: str) -> bool:
        """Whether the token is good for this site."""
        return not self.sites or site in self.sites

    def covers(self, sites: Collection[str]) -> bool:
        """Whether what is good for these sites, or for every site when there are none, is within the token's own."""
        return not self.sites or (bool(sites) and set(sites) <= set(self.sites))
