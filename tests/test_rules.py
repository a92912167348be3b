"""The rules that the page shares with the server."""

import requests

from prjobs.base.settings import Settings
from prjobs.base.sites import stations
from prjobs.jobs.states import PHASES
from prjobs.monitor.rules import OVERDUE_SHARE, STOP_S, rules_of


def test_now_serves_the_rules_of_the_page(server):
    served = requests.get(f"{server.url}/api/now", timeout=60).json()["rules"]
    assert served["stop_s"] == STOP_S
    assert served["overdue_share"] == OVERDUE_SHARE
    assert served["phases"] == list(PHASES)


def test_the_station_of_each_observatory_is_served():
    rules = rules_of(stations(Settings(stations=["wema=mrc1+mrc2", "dome=saf", "other=mrc1"])))
    assert rules.stations == {"mrc1": "wema", "mrc2": "wema", "saf": "dome"}
