"""Requests by chance, made from /openapi.json: no answer of 5xx, and none outside of its description."""

from itertools import cycle

import pytest
import schemathesis
from hypothesis import Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests import verbs
from tests.lengths import TIMES
from tests.verbs import make_token

CHECKS = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
POSITIVE, NEGATIVE = schemathesis.GenerationMode


def operations(server):
    """Return the described operations, each under its first path."""
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    found = [one.ok() for one in schema.get_all_operations()]
    return [one for one in found if "operationId" in one.definition.raw]


class Asking:
    """Sends generated requests, in turns with tokens of several roles and with ids that are there."""

    def __init__(self, server):
        self.wrong, self.asked = [], 0
        rows = [verbs.submit(server.appliance) for _ in range(3)]
        tokens = [make_token(server.appliance, "auth0|alice", role) for role in ("admin", "viewer", "observatory", "")]
        self._headers = cycle([{"Authorization": f"Bearer {token}"} for token in tokens] + [{}])
        self._known = cycle([None, {"ulid": rows[0].ulid, "site": rows[0].site}])

    def ask(self, case):
        """Send a request, and note the answer if it is outside of its description."""
        known = next(self._known)
        for part in (case.path_parameters, case.body, case.query):
            if isinstance(part, dict) and known:
                part.update({name: value for name, value in known.items() if name in part})
            if isinstance(part, dict) and "wait" in part:
                part["wait"] = 0
        answer = case.call(headers=next(self._headers), timeout=60)
        self.asked += 1
        # /healthz says by 503 that the appliance has a problem.
        checks = CHECKS if case.path == "/healthz" else [not_a_server_error, *CHECKS]
        try:
            case.validate_response(answer, checks=checks)
        except (Failure, FailureGroup) as failed:
            self.wrong.append(f"{case.method} {case.path} {answer.status_code}: {failed} {failed.__dict__}")


def ask_all(asking, found, mode, many):
    """Ask each operation so often, with requests of the mode: as described, or broken somewhere."""
    for operation in found:

        @settings(max_examples=many, phases=[Phase.generate])
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case):
            asking.ask(case)

        ask()


def has_breakable_part(operation):
    """Return True for an operation with a body or a query: a broken path is another path."""
    return bool(operation.body or operation.query)


LONG = pytest.mark.long(about_s=15)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("access", "mode", "many"),
    [
        ("open", POSITIVE, 2),
        ("token", NEGATIVE, 2),
        pytest.param("open", POSITIVE, 6 * TIMES, marks=LONG),
        pytest.param("open", NEGATIVE, 6 * TIMES, marks=LONG),
        pytest.param("token", POSITIVE, 6 * TIMES, marks=LONG),
        pytest.param("token", NEGATIVE, 6 * TIMES, marks=LONG),
    ],
)
def test_no_answer_is_outside_of_its_description(make_server, access, mode, many):
    server = make_server(observatory_access=access)
    asking, found = Asking(server), operations(server)
    if mode == NEGATIVE:
        found = [one for one in found if has_breakable_part(one)]
    elif many < 6:
        found = [one for one in found if one.method != "options"]
    ask_all(asking, found, mode, many)
    assert asking.wrong == []
    assert len(found) > 20 and asking.asked > len(found)
