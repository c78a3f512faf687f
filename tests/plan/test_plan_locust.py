"""What a plan says of locustfiles: which file, which users, and what cannot be asked of them."""

from pathlib import Path
from typing import Any

import pytest

from loadtests.errors import PlanError
from loadtests.plan.loader import load_plan, plan_from_document
from loadtests.plan.model import ClosedLoad, Scenario
from loadtests.plan.protocol.locust import Locustfile, LocustSettings

USERS = {"users": 10, "spawn_rate": "5/s", "duration": "20s"}


def _plan(*, load: Any = None, thresholds: Any = (), **locust: Any) -> Scenario:
    scenario = {
        "driver": "locust",
        "load": load or USERS,
        "thresholds": list(thresholds),
        "locust": {"locustfile": "mine.py", **locust},
    }
    document = {"version": 1, "scenarios": {"s": scenario}}
    return plan_from_document(document, source="p.yaml").scenarios["s"]


def test_a_locustfile_is_a_scenario_without_operations() -> None:
    """What its users do is found when they do it; users, rate and time are the plan's."""
    found = _plan(users=["Buyer"], tags=["fast", "cheap"], host="http://127.0.0.1:9", options={"region": "eu"})
    assert found.load == ClosedLoad(10, 20 * 10**9, 5.0)
    assert found.operations == (Locustfile(),)
    assert found.locust == LocustSettings(
        "mine.py", "http://127.0.0.1:9", ("Buyer",), ("fast", "cheap"), (), {"region": "eu"}
    )
    assert found.discovers


@pytest.mark.parametrize("text", ["GET /items: p95 < 1s", "errors < 1%", "throughput >= 5/s", "service p99 < 2s"])
def test_thresholds_may_speak_of_names_that_only_the_run_will_know(text: str) -> None:
    """A name that then was not there makes its threshold INVALID, not the plan."""
    assert len(_plan(thresholds=[text]).thresholds) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"load": {"rate": "5/s", "duration": "20s"}}, "scenarios.s.load: a locust scenario has users"),
        ({"load": {**USERS, "think": "1s"}}, "scenarios.s.load.think: the locustfile says how its users pause"),
        ({"load": {**USERS, "pacing": "1s"}}, "scenarios.s.load.pacing: the locustfile says how its users pause"),
        ({"options": {"run-time": "5m"}}, "scenarios.s.locust.options.run-time: is given by load.duration"),
        ({"options": {"--users": "5"}}, "is given by load.users"),
        ({"options": {"master": "true"}}, "is the suite's to decide"),
        ({"thresholds": ["connect p95 < 1s"]}, "it cannot measure connect"),
        ({"thresholds": ["lag p99 < 1s"]}, "nothing is ever late"),
        ({"thresholds": ["drops < 1%"]}, "never drops"),
        ({"tag": ["a"]}, "did you mean tags?"),
    ],
)
def test_what_does_not_fit_a_locustfile_is_a_mistake_at_its_place(changes: dict[str, Any], said: str) -> None:
    """With where, and what to do instead."""
    with pytest.raises(PlanError) as caught:
        _plan(**changes)
    assert said in str(caught.value)


def test_the_file_must_be_there_when_the_plan_is_loaded_from_disk(tmp_path: Path) -> None:
    """And its operations cannot be written: it has its own."""
    text = """
version: 1
scenarios:
  s:
    driver: locust
    load: {users: 1, duration: 5s}
    locust: {locustfile: mine.py}
    operations: [{name: x}]
  t:
    driver: locust
    load: {users: 1, duration: 5s}
"""
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(PlanError) as caught:
        load_plan(tmp_path / "plan.yaml")
    said = str(caught.value)
    assert "scenarios.s.locust.locustfile: there is no file mine.py beside the plan" in said
    assert "leave operations away" in said
    assert "scenarios.t.locust.locustfile: is required" in said
