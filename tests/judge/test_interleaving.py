"""Builds that commands start: waited for, measured in turn in random order, ended with all they started."""

import contextlib
import socket
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import psutil
import pytest
from click.testing import CliRunner, Result
from stored_runs import document, stored_run
from synthetic_runs import ms, tally

from loadtests.cli import interleaving
from loadtests.cli.build import Address, served
from loadtests.cli.compare import command
from loadtests.cli.interleaving import order_of
from loadtests.errors import LoadtestsError, RunInterrupted, RunInvalid, TargetUnreachable, UsageError
from loadtests.result.rundir import read_run

SERVER = f"{sys.executable} -m http.server --bind {{host}} {{port}}"
PLAN = """
version: 1
target: {http: "http://127.0.0.1:8080"}
scenarios:
  api: {driver: "null", load: {rate: 20/s, duration: 6s}, operations: [{name: get, law: 5ms}], thresholds: [p95 < 6ms]}
"""


@pytest.fixture
def address() -> Address:
    """A free port of this machine; a listing of a directory is what answers there."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return Address(f"http://127.0.0.1:{found.getsockname()[1]}", ready="/")


def test_a_build_is_waited_for_and_ended_with_what_it_started(address: Address, tmp_path: Path) -> None:
    """The command is a shell that starts a server in the background and another child: all are gone afterwards."""
    child = tmp_path / "child"
    line = f"sleep 60 & echo $! > {child}; {SERVER}"
    with served(line, address, log=tmp_path / "log", within_s=20):
        assert address.is_ready()
        started = int(child.read_text())
        assert psutil.pid_exists(started)
    assert not address.is_taken()
    assert not _alive(started)


def test_a_build_that_does_not_heed_the_request_to_end_is_killed(
    address: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadtests.cli.build._ENDS_WITHIN_S", 0.3)
    with served(f"trap '' TERM; {SERVER}; sleep 60", address, log=tmp_path / "log", within_s=20):
        pass
    assert not address.is_taken()


def test_a_command_that_ends_at_once_is_told_with_its_last_words(address: Address, tmp_path: Path) -> None:
    with (
        pytest.raises(TargetUnreachable, match=r"ended with 7 before it answered; its last words: no licence"),
        served("echo no licence; exit 7", address, log=tmp_path / "log", within_s=20),
    ):
        pass


def test_a_build_that_never_answers_is_given_up(address: Address, tmp_path: Path) -> None:
    with (
        pytest.raises(TargetUnreachable, match=r"/ was not answered in 0.3 s"),
        served("sleep 60", address, log=tmp_path / "log", within_s=0.3),
    ):
        pass


def test_an_address_that_answers_already_is_refused(tmp_path: Path) -> None:
    """What runs there would be measured instead of the build."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        there = Address(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with (
            pytest.raises(UsageError, match=r"answers at .* already"),
            served("true", there, log=tmp_path / "l", within_s=1),
        ):
            pass


def test_the_order_within_pairs_is_a_fair_coin_and_the_same_for_the_same_seed() -> None:
    drawn = list(islice(order_of(1), 400))
    assert drawn == list(islice(order_of(1), 400))
    assert drawn != list(islice(order_of(2), 400))
    assert 150 < sum(first for first, _ in drawn) < 250
    assert all(first + second == 1 for first, second in drawn)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "Callable[..., Result]":
    """`compare --interleave` with builds that need no start and runs that are written: `slow` takes a fifth longer."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios.yaml").write_text(PLAN)
    orders: list[str] = []

    def invoked(*arguments: str, late: tuple[str, ...] = (), interrupted: str | None = None) -> Result:
        def run_plan(plan: object, label: str, *, output: Path, crew: object, build: str) -> tuple[Path, bool]:
            where = output
            orders.append(where.name)
            factor = (1.2 if build == "slow" else 1.0) * np.random.default_rng(len(orders)).normal(1.0, 0.01)
            status = "interrupted" if where.name == interrupted else "complete"
            lag_us = 900_000 if where.name in late else 100
            at = lambda second: tally(ms(*np.linspace(4, 6, 20) * factor), completed=20)  # noqa: E731
            stored_run(where, at, build=build, lag_us=lag_us, status=status)
            return where, status == "interrupted"

        @contextlib.contextmanager
        def serve(command: str, _: Address, **__: object) -> Iterator[None]:
            started.append(command)
            yield

        started: list[str] = []
        monkeypatch.setattr(interleaving, "run_plan", run_plan)
        monkeypatch.setattr(interleaving, "served", serve)
        usual = ["--interleave", "start old", "start new", "api", "--builds", "fast,slow", "-o", "made"]
        result = CliRunner().invoke(command, [*usual, *arguments])
        assert started == ["start old" if "base" in name else "start new" for name in orders]
        result.orders = orders  # type: ignore[attr-defined]
        return result

    return invoked


def test_a_slower_build_is_found_by_seven_pairs(made: "Callable[..., Result]", tmp_path: Path) -> None:
    result = made()
    assert result.exit_code == 1, result.output
    assert "REGRESSED" in result.output
    assert "7 pairs" in result.output
    assert len(list((tmp_path / "made").glob("pair-*/run.json"))) == 14
    again = CliRunner().invoke(command, ["made/pair-*-base", "made/pair-*-candidate", "--paired", "-o", "again"])
    assert again.exit_code == 1
    judged = [(tmp_path / name / "comparison.json").read_text() for name in ("made", "again")]
    assert judged[0].replace("made/", "").split('"scenarios"')[1] == judged[1].split('"scenarios"')[1]


def test_both_runs_of_a_pair_come_before_the_next_pair(made: "Callable[..., Result]") -> None:
    orders = made("-k", "5", "--gate", "p95").orders  # type: ignore[attr-defined]
    assert [name[:7] for name in orders] == [f"pair-0{number}" for number in range(1, 6) for _ in "ab"]
    assert len({tuple(orders[at : at + 2]) for at in range(0, 10, 2)}) == 5


def test_a_pair_with_an_invalid_run_is_left_out_and_another_made(made: "Callable[..., Result]", tmp_path: Path) -> None:
    """Its runs are kept under another name, so that those of the others can be judged again."""
    result = made("-k", "5", "--gate", "p95", late=("pair-02-base",))
    assert result.exit_code == 1
    assert "pair 2 is left out" in result.output
    assert result.orders[-1].startswith("pair-06")  # type: ignore[attr-defined]
    assert (tmp_path / "made" / "left-out-02-base" / "run.json").exists()
    again = CliRunner().invoke(command, ["made/pair-*-base", "made/pair-*-candidate", "--paired", "--gate", "p95"])
    assert again.exit_code == 1


def test_a_machine_on_which_no_run_is_valid_is_given_up(made: "Callable[..., Result]") -> None:
    late = tuple(f"pair-{number:02}-base" for number in range(1, 30))
    result = made("-k", "5", "--gate", "p95", late=late)
    assert isinstance(result.exception, RunInvalid)
    assert len(result.orders) == 12  # type: ignore[attr-defined]


def test_an_interruption_leaves_readable_runs_and_says_where(made: "Callable[..., Result]", tmp_path: Path) -> None:
    result = made(interrupted="pair-02-base")
    assert isinstance(result.exception, RunInterrupted)
    runs = {path.parent.name: read_run(path.parent) for path in (tmp_path / "made").glob("*/run.json")}
    assert {"pair-01-base", "pair-01-candidate", "pair-02-base"} <= set(runs)
    assert runs["pair-02-base"].status == "interrupted"
    assert not list((tmp_path / "made").glob("comparison.*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["-k", "6"], "6 pairs cannot show a change of one of 5 metrics.*at least 7 with -k", id="pairs"),
        pytest.param(["--builds", "one"], "expected two names with a comma between", id="names"),
    ],
)
def test_what_could_show_nothing_is_refused_before_anything_is_started(
    made: "Callable[..., Result]", arguments: list[str], said: str
) -> None:
    result = made(*arguments)
    assert isinstance(result.exception, LoadtestsError)
    assert result.exception.exit_code == 2
    with pytest.raises(UsageError, match=said):
        raise result.exception
    assert result.orders == []  # type: ignore[attr-defined]


def test_the_plan_written_for_these_tests_is_that_of_the_stored_runs() -> None:
    """Else the runs would differ from the plan they are said to be of."""
    scenario = document()["scenarios"]["api"]  # type: ignore[index]
    assert scenario["load"] == {"rate": "20/s", "duration": "6s"}


def _alive(process: int) -> bool:
    for _ in range(100):
        if not psutil.pid_exists(process) or psutil.Process(process).status() == psutil.STATUS_ZOMBIE:
            return False
        time.sleep(0.02)
    return True


def test_a_command_is_told_its_address() -> None:
    found = Address("http://127.0.0.1:8081/base")
    assert (
        found.filled("serve {host} {port} {url} {other}") == "serve 127.0.0.1 8081 http://127.0.0.1:8081/base {other}"
    )
    assert Address("https://example.com").place == ("example.com", 443)
    with pytest.raises(UsageError, match="expected an address"):
        _ = Address("nonsense").place
