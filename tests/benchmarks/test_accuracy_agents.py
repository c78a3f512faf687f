"""The agents' truth server does what it counts, and every case is a plan that loads."""

import json
from http.client import HTTPConnection
from pathlib import Path

import pytest

from benchmarks.accuracy.agent_behaviour import AgentBehaviour
from benchmarks.accuracy.agent_server import AgentLedger
from benchmarks.accuracy.agents import CASES, AgentCase, plan_text
from benchmarks.accuracy.behaviour import MS, Step
from benchmarks.accuracy.experiment import truth_server
from loadtests.plan.loader import load_plan


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_case_is_a_plan(case: AgentCase, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(plan_text(case, port=1))
    assert load_plan(tmp_path / "plan.yaml").scenarios["truth"].driver == "agent"
    assert AgentBehaviour.from_wire(json.loads(json.dumps(case.behaviour.to_wire()))) == case.behaviour


def test_the_first_fate_that_claims_an_execution_has_it() -> None:
    behaviour = AgentBehaviour(fates=(("cut", 3), ("wrong", 2)))
    assert [behaviour.fate(number) for number in range(6)] == ["good", "wrong", "cut", "wrong", "good", "cut"]


def test_the_server_does_what_it_notes(tmp_path: Path) -> None:
    """Three executions, one with a wrong sum, one refused; each token leaves at its instant."""
    behaviour = AgentBehaviour((Step(20 * MS),), 5 * MS, 4, fates=(("wrong", 2), ("refused", 3)))
    ledger = tmp_path / "ledger.npz"
    with truth_server("agent_server", behaviour.to_wire(), ledger) as port:
        found = []
        for _ in range(3):
            connection = HTTPConnection("127.0.0.1", port)
            connection.request("POST", "/", json.dumps({"query": "x", "user_id": "4"}))
            answer = connection.getresponse()
            found.append((answer.status, answer.read().decode()))
            connection.close()
    assert [status for status, _ in found] == [200, 200, 429]
    assert found[0][1].count("event: token") == 4
    assert '"savings":5.0' in found[0][1]
    assert '"savings":6.0' in found[1][1]
    assert json.loads(ledger.with_suffix(".json").read_text()) == {"good": 1, "wrong": 1, "refused": 1}
    notes = AgentLedger.load(ledger)
    assert ((notes.first_ns - notes.received_ns) >= 20 * MS).all()
    assert len(notes.gaps_ns) == 6
    took = notes.first_ns - notes.received_ns + notes.gaps_ns.reshape(2, 3).sum(axis=1)
    assert (took >= (20 + 3 * 5) * MS).all()
