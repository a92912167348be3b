"""The doctor's check of the service: installed or not, starting with the machine or not, and as whom."""

from prjobs.base.errors import Unusable
from prjobs.service.controls import installed_control
from prjobs.service.installed import State
from prjobs.upkeep.findings import NOTE, OK, WRONG, Finding, Findings, Patient
from prjobs.upkeep.first_steps import PLACE, command_to_install


def check_service(patient: Patient) -> Findings:
    """Check the service for the start with the machine."""
    try:
        service = installed_control(False).installed()
    except Unusable as unusable:
        yield Finding(NOTE, "service", str(unusable))
        return
    if service is None:
        how = f"stop a server in a window by Ctrl-C, then run `{command_to_install(patient.folder)}` {PLACE}"
        yield Finding(NOTE, "service", f"No service starts prjobs with the machine: {how}.")
    elif service.folder is not None and service.folder != patient.folder.path.resolve():
        yield Finding(NOTE, "service", f"The installed service serves another data folder, {service.folder}.")
    elif service.faults:
        yield from (Finding(WRONG, "service", fault) for fault in service.faults)
    elif service.state == State.FAILED:
        sentence = f"The service failed to start: read the end of {patient.folder.log}."
        yield Finding(WRONG, "service", sentence)
    else:
        sentence = f"The service {service.state}, and starts with the machine as {service.account}."
        yield Finding(OK, "service", sentence)
