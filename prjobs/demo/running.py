"""`prjobs serve --demo`: simulated observatories and users, as plain clients of the server that was just started."""

from typing import Any

from prjobs.access import tokens
from prjobs.access.audit import Actor
from prjobs.access.tokens import NewToken
from prjobs.demo import run_demo

SITES = ("mrc1", "mrc")
USERS = (("demo|ann", "Ann K."), ("demo|tim", "Tim B."), ("demo|wera", "Wera S."))
PACE = 6.0


def start_demo(server: Any) -> None:
    """Start the demo's threads; they end with the server."""
    users = []
    for user_id, user_name in USERS:
        token, _ = tokens.create_token(
            server.appliance.desk, NewToken(user_id, user_name, days=30), Actor("demo", "demo")
        )
        users.append((user_id, user_name, token))
    run_demo(server.url, users, SITES, PACE, server.appliance.queue.stopping)
