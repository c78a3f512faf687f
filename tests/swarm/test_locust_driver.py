"""Locustfiles as scenarios: real Locust in an engine process, its requests on our tapes."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from loadtests.drive.coordinator import Ending, drive
from loadtests.drive.fleet import LocalCrew
from loadtests.errors import HostNotAllowed, LoadtestsError, UsageError
from loadtests.plan.loader import plan_from_document
from loadtests.plan.model import Plan
from loadtests.result.window import OFFERED, OK, TASK_ERRORS, Tally
from tests.drive.memory import Memory

FILES = Path(__file__).parent / "locustfiles"


def plan_of(file: str = "custom.py", *, load: int = 5, seconds: float = 1, base: Path = FILES, **asked: Any) -> Plan:
    """A scenario that runs the file."""
    scenario = {
        "driver": "locust",
        "load": {"users": load, "spawn_rate": "100/s", "duration": f"{seconds}s"},
        "timeout": "1s",
        "locust": {"locustfile": file, **asked},
    }
    document = {"version": 1, "scenarios": {"s": scenario}, "enclosed": {"base": str(base), "secrets": []}}
    return plan_from_document(document, source="test")


def driven(plan: Plan, *, processes: int = 1) -> tuple[Ending, Memory]:
    memory = Memory()
    return asyncio.run(drive(plan, plan.scenarios["s"], memory, crew=LocalCrew(processes))), memory


def by_name(memory: Memory) -> dict[str, Tally]:
    names = {name for window in memory.windows for name in window.operations}
    return {
        name: Tally.merge(w.operations[name] for w in memory.windows if name in w.operations) for name in sorted(names)
    }


def counted(path: Path) -> dict[str, int]:
    """The locustfile's own counts, over all processes."""
    found: dict[str, int] = {}
    for line in path.read_text().splitlines():
        for name, number in json.loads(line).items():
            found[name] = found.get(name, 0) + number
    return found


def test_every_request_that_a_custom_user_fires_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes share five users, one of whom is of a class that there is one of; times and kinds are as fired."""
    monkeypatch.setenv("COUNTED", str(tmp_path / "counts"))
    ending, memory = driven(plan_of(), processes=2)
    found = by_name(memory)
    assert {name.removeprefix("RPC "): tally.count(OFFERED) for name, tally in found.items()} == counted(
        tmp_path / "counts"
    )
    assert set(found) == {"RPC quick", "RPC slow", "RPC alone"}
    assert found["RPC slow"].failures == {"reset": found["RPC slow"].count(OFFERED)}
    quick = found["RPC quick"].histogram("response.ok")
    assert quick.total == found["RPC quick"].count(OK)
    assert 5_000 <= (quick.min_us or 0) < 1_000_000
    generator = Tally.merge(window.generator for window in memory.windows)
    assert generator.count(TASK_ERRORS) > 0
    assert any("KeyError: 'token'" in failure.message for failure in memory.failures)
    assert all(end.clean for end in ending.processes)
    assert ending.ended_s == pytest.approx(1, abs=1)


def test_tags_and_user_classes_choose_what_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of `Caller` only what is tagged `quick`."""
    monkeypatch.setenv("COUNTED", str(tmp_path / "counts"))
    _, memory = driven(plan_of(load=2, seconds=1, tags=["quick"], users=["Caller"]))
    assert set(by_name(memory)) == {"RPC quick"}


def test_a_shape_is_shared_by_the_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its six users are three for each of two processes, not six for each."""
    monkeypatch.setenv("COUNTED", str(tmp_path / "counts"))
    monkeypatch.setenv("SHAPED", "1")
    _, memory = driven(plan_of(seconds=2), processes=2)
    users: dict[int, int] = {}
    for window in memory.windows:
        users[window.second] = users.get(window.second, 0) + window.generator.count("in_flight")
    assert max(users.values()) == 6


@pytest.mark.parametrize(
    ("source", "error", "said"),
    [
        ("import nowhere_at_all", UsageError, r"mine\.py cannot be loaded: ModuleNotFoundError: .*nowhere_at_all"),
        ("x = 1", UsageError, r"did not run mine\.py: it ended with exit code 1"),
    ],
)
def test_a_file_that_locust_cannot_run_is_refused_before_the_load(
    source: str, error: type[LoadtestsError], said: str, tmp_path: Path
) -> None:
    """What is wrong is said in one sentence, as with a plan."""
    (tmp_path / "mine.py").write_text(source)
    with pytest.raises(error, match=said):
        driven(plan_of("mine.py", base=tmp_path))


def test_a_file_with_a_recorder_of_its_own_is_recorded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a scenario the plan's recorder is the only one, and no second run directory appears."""
    monkeypatch.setenv("COUNTED", str(tmp_path / "counts"))
    monkeypatch.chdir(tmp_path)
    source = (FILES / "custom.py").read_text()
    (tmp_path / "mine.py").write_text(source + "\n\nfrom loadtests.swarm import plain\nplain.install()\n")
    _, memory = driven(plan_of("mine.py", base=tmp_path, load=2, seconds=1))
    assert by_name(memory)["RPC quick"].count(OFFERED) == counted(tmp_path / "counts")["quick"]
    assert not (tmp_path / "reports").exists()


def test_a_host_that_is_not_allowed_is_refused_before_the_load(tmp_path: Path) -> None:
    """As with every driver: not loopback, not listed."""
    (tmp_path / "mine.py").write_text(
        "from locust import FastHttpUser, task\n"
        "class U(FastHttpUser):\n"
        "    host = 'http://203.0.113.9'\n"
        "    @task\n"
        "    def get(self): self.client.get('/')\n"
    )
    with pytest.raises(HostNotAllowed, match=r"203\.0\.113\.9"):
        driven(plan_of("mine.py", base=tmp_path))


def test_a_connection_to_elsewhere_is_stopped_and_makes_the_run_invalid(tmp_path: Path) -> None:
    """A locustfile may build any address at any time; no packet leaves for it, and the run says so."""
    (tmp_path / "mine.py").write_text(
        "import socket\n"
        "from locust import User, constant, task\n"
        "class U(User):\n"
        "    wait_time = constant(0.2)\n"
        "    @task\n"
        "    def elsewhere(self): socket.create_connection(('203.0.113.9', 80), timeout=1)\n"
    )
    ending, _ = driven(plan_of("mine.py", base=tmp_path, load=1, seconds=1))
    assert list(ending.processes[0].faults) == ["load to 203.0.113.9 is not on the plan's target.allow list"]
