"""Rights: the judgement on a caller's command, the same for a request that commands and for a mere question."""

from prjobs.access import reservations
from prjobs.access.desk import Desk
from prjobs.access.identity import Identity
from prjobs.access.reservations import Judgement, Reason
from prjobs.base.catalogue import MAKES_SAFE
from prjobs.base.errors import Forbidden, Unauthorized

HEADER = "X-Prjobs-Reservations"
NO_COMMANDS = frozenset({"observatory", "viewer"})


def require_rights(desk: Desk, identity: Identity, site: str, user_id: str, command_class: str = "") -> Judgement:
    """Return the judgement that allows the command. Raise Unauthorized or Forbidden when the command is not allowed.

    The command is in the name of `user_id`; an empty `command_class` stands for a class that every user may send.
    """
    judged = _judge(desk, identity, site, user_id, command_class)
    if judged.allowed:
        return judged
    # An unreachable calendar says nothing about the token: 401 would make a page ask for another login.
    is_reserved = judged.reason == Reason.RESERVED
    refused = (Unauthorized if is_reserved else Forbidden)(judged.sentence)
    refused.topic = "reserved" if is_reserved else "calendar"
    refused.headers = {HEADER: judged.basis}
    raise refused


def may_command(desk: Desk, identity: Identity, site: str, command_class: str = "") -> Judgement:
    """Return the judgement for the identity's own user, with the sentence of a refusal."""
    try:
        return _judge(desk, identity, site, identity.user_id, command_class)
    except (Unauthorized, Forbidden) as refused:
        judged = reservations.judge(desk, identity.user_id, False, site)
        holders = judged.holders if identity.reaches(site) else []
        return Judgement(False, judged.basis, Reason.NO_RIGHT, refused.sentence, holders)


def _judge(desk: Desk, identity: Identity, site: str, user_id: str, command_class: str) -> Judgement:
    """Judge by the reservations; raise Unauthorized or Forbidden when the token alone forbids the command."""
    require_commander(identity)
    require_command(identity, site, user_id)
    _require_class(desk, identity, command_class)
    judged = reservations.judge(desk, user_id, _may_always(identity, command_class), site)
    if judged.allowed or command_class not in MAKES_SAFE or desk.settings.stop_needs == "reservation":
        return judged
    return Judgement(True, judged.basis, Reason.MAKES_SAFE, reservations.MAKES_SAFE, judged.holders)


def _may_always(identity: Identity, command_class: str) -> bool:
    """Return True for administrators, and for owners who stop, close or park: reservations do not hold them."""
    return identity.is_admin or (identity.is_staff and command_class in MAKES_SAFE)


def _require_class(desk: Desk, identity: Identity, command_class: str) -> None:
    if command_class in desk.settings.staff_classes and not identity.is_staff:
        raise Forbidden(f"Commands of the class {command_class} need the admin or owner role. Ask an administrator.")


# ---- by role


def require_commander(identity: Identity) -> None:
    """Raise Forbidden for observatory and viewer tokens, except tokens of staff."""
    if NO_COMMANDS & set(identity.roles) and not identity.is_staff:
        raise Forbidden("A token of an observatory or a viewer may not send commands.")


def require_command(identity: Identity, site: str, user_id: str) -> None:
    """Raise Unauthorized or Forbidden unless the identity may command the site in the name of `user_id`."""
    if not identity.reaches(site):
        raise Forbidden("This token is not for this site.")
    if user_id != identity.user_id and not (identity.is_admin or identity.service):
        raise Unauthorized("user_id must be the user of the token, but names another user.")


def require_observatory(identity: Identity) -> None:
    """Raise Forbidden unless the identity may fetch jobs and report on them, at the sites of its token."""
    if not ("observatory" in identity.roles or identity.is_staff):
        raise Forbidden("Fetching jobs and reporting on them needs an observatory token.")


def require_admin(identity: Identity) -> None:
    """Raise Forbidden unless the identity is an administrator."""
    if not identity.is_admin:
        raise Forbidden("Only an administrator may do this.")


def may_cancel(identity: Identity, site: str, owner_id: str) -> bool:
    """Return True for staff, and for the user who asked for the job, but not by a token that may not command."""
    is_owner = identity.user_id == owner_id and not NO_COMMANDS & set(identity.roles)
    return identity.reaches(site) and (identity.is_staff or is_owner)


def may_acknowledge(identity: Identity, site: str) -> bool:
    """Return True for staff, and for a user with a token for some sites, this one among them.

    An empty site stands for the server itself.
    """
    return identity.is_staff or (bool(site) and site in identity.sites)


def may_note(identity: Identity, site: str, owner_id: str = "") -> bool:
    """Return True for who may write notes: as for acknowledging, and the user who sent the job of a note."""
    if not identity.reaches(site) or (NO_COMMANDS & set(identity.roles) and not identity.is_staff):
        return False
    return may_acknowledge(identity, site) or (bool(owner_id) and identity.user_id == owner_id)
