"""The database peers are put before the same work, counted alike, and held to what was promised."""

import subprocess

import pytest

from benchmarks.goals import worst_exit_code
from benchmarks.peers.comparison import OURS
from benchmarks.peers.database import Opened, goals, lag_of_pgbench, open_table
from benchmarks.peers.outside import Pace
from benchmarks.peers.postgres import SELECT_ONLY, TPCB, serving_postgres


def paces(*rates: float) -> list[Pace]:
    return [Pace(rate, 20.0, 1.0) for rate in rates]


def opened(*, achieved: float = 5_000.0, cores: float = 0.2) -> dict[str, list[Opened]]:
    return {OURS: [Opened(Pace(achieved, 40.0, cores), "p50 100 µs, p99 900 µs")]}


FAST = {OURS: paces(30, 20), "pgbench": paces(40, 20)}


@pytest.mark.parametrize(
    ("selects", "found", "code"),
    [
        pytest.param(FAST, opened(), 0, id="all goals met"),
        pytest.param({**FAST, OURS: paces(29, 14)}, opened(), 1, id="under three quarters of pgbench"),
        pytest.param(FAST, opened(achieved=4_900), 1, id="a rate not reached"),
        pytest.param(FAST, opened(cores=0.25), 1, id="a quarter of a core is not below one"),
    ],
)
def test_goals(selects: dict[str, list[Pace]], found: dict[str, list[Opened]], code: int) -> None:
    """Each promise can be missed alone."""
    assert worst_exit_code(goals(selects, found, 5_000.0)) == code


def test_lag_is_read_from_what_pgbench_prints() -> None:
    """Its own words, in our units; a question mark where it says nothing."""
    said = "latency average = 0.367 ms\nrate limit schedule lag: avg 0.067 (max 5.001) ms\ntps = 4990.1"
    assert lag_of_pgbench(said) == "mean 67 µs, max 5 ms"
    assert lag_of_pgbench("tps = 1") == "?"
    assert "mean 67 µs" in open_table({"pgbench -R": [Opened(Pace(4990, 30, 0.15), lag_of_pgbench(said))]})


def test_server_counts_executions_of_its_script_and_nothing_else() -> None:
    """20 transactions of TPC-B, each with one row of history and one SELECT, and 30 of select-only."""
    with serving_postgres(scale=1) as server:
        for script, transactions, counted in ((TPCB, 10, (20, 20)), (SELECT_ONLY, 15, (20, 50))):
            server.script = script
            command = server.pgbench(2, 60)
            place = command.index("-T")
            command[place : place + 2] = ["-t", str(transactions)]
            subprocess.run(command, check=True, capture_output=True, timeout=30)
            found = []
            for other in (TPCB, SELECT_ONLY):
                server.script = other
                found.append(server.requests())
            assert tuple(found) == counted
        server.tidy()
        assert server.work().target["database"] == server.dsn
