"""How long after the command for a stop a program of `prjobs.observatory` carries the stop out, with a busy handler."""

import threading
import time

from prjobs.client import Client
from prjobs.observatory import Job, Observatory
from tests.bench.processes import appliance
from tests.bench.rounds import Line, Plan, percentile

TIMES, QUICK_TIMES = 100, 20
GOAL = "worst ≤ 250 ms"


def measure(plan: Plan) -> list[Line]:
    """Milliseconds from the sending of the stop to the call of `on_stop`."""
    called, go_on, called_s = threading.Event(), threading.Event(), [0.0]
    with appliance() as ours:
        address = f"http://127.0.0.1:{ours.port}"
        program, users = Observatory(address, "saf"), Client(address, ours.token())

        @program.on("mount", "go")
        def go(_job: Job) -> None:
            go_on.wait()

        @program.on_stop
        def stop(_job: Job) -> None:
            called_s[0] = time.monotonic()
            called.set()

        def send(device: str, action: str) -> None:
            users.new_job("saf", device, "", action, user_id="auth0|bench", user_name="Bench")

        took = []
        with program:
            send("mount", "go")
            for _ in range(QUICK_TIMES if plan.quick else TIMES):
                called.clear()
                sent_s = time.monotonic()
                send("all", "cancel_all_commands")
                called.wait(60)
                took.append(called_s[0] - sent_s)
            go_on.set()
    worst = f"{percentile(took, 0.5) * 1000:.1f} ms, worst {max(took) * 1000:.0f} ms"
    return [Line("a program carries a stop out: median", worst, "", "", GOAL)]
