"""The doctor's checks of the machine and of other services. A running server says the same by its notices."""

from contextlib import suppress

from prjobs.access.operator_client import proved_client
from prjobs.access.provider import Provider
from prjobs.base.errors import Unusable
from prjobs.base.notices import Code
from prjobs.base.proxies import NONE, proxy_for
from prjobs.base.sockets import bind_sockets
from prjobs.client import CallFailed
from prjobs.upkeep import surroundings
from prjobs.upkeep.findings import OK, Finding, Findings, Patient, noted

SERVER_S = 5.0


def check_machine(patient: Patient) -> Findings:
    """Check names, proxies, addresses and other programs, which will be in the way one day."""
    if patient.url is not None:
        # The notices of the server tell the rest: only a command knows the environment of the terminal.
        yield from _check_environment(patient, patient.url)
        return
    found = list(surroundings.concerns(patient.settings, patient.folder.path, _addresses(patient)))
    yield from (noted("machine", one.code, one.sentence) for one in found)
    if not found:
        yield Finding(OK, "machine", "No other program, proxy or name is in the way.")


def _addresses(patient: Patient) -> list[str]:
    """Return the addresses on which a server would listen; none if there is no such address."""
    try:
        bound = bind_sockets(patient.settings.host, 0)
    except OSError:
        # The check of the port says so.
        return []
    addresses = [str(one.getsockname()[0]) for one in bound]
    for one in bound:
        one.close()
    return addresses


def _check_environment(patient: Patient, url: str) -> Findings:
    """Check for a proxy in the environment of this terminal that the running server does not have."""
    settings = patient.settings
    if settings.cloud_mode == "off" or settings.proxies == NONE:
        return
    with suppress(CallFailed, Unusable, KeyError, TypeError):
        here = proxy_for(settings.cloud_base_url)
        with proved_client(patient.folder, url, patient.clock, SERVER_S) as client:
            there = client.api("GET", "/api/cloud")["cloud"]["proxy"]
        if here and not there:
            sentence = (
                f"The environment of this terminal has the proxy {here}, and the running server does not. A service "
                "has an environment of its own: give it the variables HTTP_PROXY and HTTPS_PROXY, and restart prjobs."
            )
            yield noted("machine", Code.PROXY_UNUSED, sentence)


def check_provider(patient: Patient) -> Findings:
    """Check for the keys of the outside provider of users."""
    settings = patient.settings
    if not settings.oidc_issuer or patient.url is not None:
        return
    with suppress(Unusable):
        # Settings that cannot be used are a finding of the check of settings.
        provider = Provider(patient.folder.path, settings, patient.clock, _never)
        if provider.has_keys:
            yield Finding(OK, "provider", "The keys of the login provider are here.")
            return
        sentence = (
            f"The keys of the login provider {settings.oidc_issuer} were not fetched yet: a server fetches them "
            "when it starts. Check that this machine reaches the provider."
        )
        yield noted("provider", Code.KEYS_UNFETCHED, sentence)


def _never(_url: str, _headers: dict[str, str]) -> object:
    raise OSError("the doctor asks no provider")
