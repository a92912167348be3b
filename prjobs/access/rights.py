"""May this caller send this command to this site now? One answer for those who send and for those who only ask."""

from prjobs.access import reservations, tokens
from prjobs.access.identity import Identity
from prjobs.access.reservations import Judgement
from prjobs.appliance import Appliance
from prjobs.base.catalogue import MAKES_SAFE
from prjobs.base.errors import Forbidden, Unauthorized

HEADER = "X-Prjobs-Reservations"


def require_rights(
    appliance: Appliance, identity: Identity, site: str, user_id: str, command_class: str = ""
) -> Judgement:
    """The judgement that lets the command pass. Raises Unauthorized or Forbidden when it may not be sent.

    `user_id` is in whose name the command is; an empty `command_class` stands for one that every user may send.
    """
    tokens.require_commander(identity)
    tokens.require_command(identity, site, user_id)
    _require_class(appliance, identity, command_class)
    judged = reservations.judge(appliance, user_id, _may_always(identity, command_class), site)
    if judged.allowed:
        return judged
    # An unreachable calendar says nothing about the token: 401 would make a page ask for another login.
    kind = Unauthorized if judged.sentence == tokens.RESERVED else Forbidden
    refused = kind(judged.sentence)
    refused.headers = {HEADER: judged.basis}
    raise refused


def _may_always(identity: Identity, command_class: str) -> bool:
    """Whatever is reserved: administrators, and owners who make the telescope safe."""
    return identity.is_admin or (identity.is_staff and command_class in MAKES_SAFE)


def _require_class(appliance: Appliance, identity: Identity, command_class: str) -> None:
    if command_class in appliance.settings.staff_classes and not identity.is_staff:
        raise Forbidden(f"Commands of the class {command_class} need the admin or owner role.")


def may_command(appliance: Appliance, identity: Identity, site: str, command_class: str = "") -> Judgement:
    """The same as an answer: for the identity's own user, with the sentence of the refusal when there is one."""
    try:
        return require_rights(appliance, identity, site, identity.user_id, command_class)
    except (Unauthorized, Forbidden) as refused:
        judged = reservations.judge(appliance, identity.user_id, False, site)
        holders = judged.holders if identity.reaches(site) else []
        return Judgement(False, judged.basis, refused.sentence, holders)
