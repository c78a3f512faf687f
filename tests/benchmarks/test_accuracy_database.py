"""The database truth server does what it notes, and every case is a plan that loads."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import numpy as np
import pytest

from benchmarks.accuracy.behaviour import MS, Ending, Step
from benchmarks.accuracy.database import CASES, DatabaseCase, Noted, plan_text
from benchmarks.accuracy.database_behaviour import ACTS, DatabaseBehaviour
from benchmarks.accuracy.experiment import truth_server
from benchmarks.accuracy.ledger import Ledger
from loadtests.plan.loader import load_plan

Use = Callable[[asyncpg.Connection], Awaitable[None]]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_case_is_a_plan(case: DatabaseCase, tmp_path: Path) -> None:
    """Its behaviour travels to the server as JSON."""
    (tmp_path / "plan.yaml").write_text(plan_text(case, "postgresql://netra:secret@127.0.0.1:1/netra"))
    assert load_plan(tmp_path / "plan.yaml").scenarios["truth"].driver == "database"
    assert DatabaseBehaviour.from_wire(json.loads(json.dumps(case.behaviour.to_wire()))) == case.behaviour
    assert case.behaviour.act in (None, *ACTS)


def served(tmp_path: Path, behaviour: DatabaseBehaviour, use: Use) -> Noted:
    """What the truth server noted while `use` had a session with it."""
    ledger = tmp_path / "ledger.npz"

    async def talk() -> None:
        connection = await asyncpg.connect(ledger.with_suffix(".dsn").read_text())
        async with asyncio.timeout(30):
            await use(connection)
        connection.terminate()

    with truth_server("database_server", behaviour.to_wire(), ledger):
        asyncio.run(talk())
    return Noted.read(ledger)


def test_server_sleeps_by_the_law_fails_every_kth_and_notes_the_rest(tmp_path: Path) -> None:
    """Of twelve statements every fifth divides by zero; the others sleep by their number, never less, and are noted."""
    steps = (Step(1 * MS, 2), Step(20 * MS, 1))

    async def use(connection: asyncpg.Connection) -> None:
        for number in range(1, 13):
            if number % 5:
                assert await connection.fetchval("SELECT work($1)", number) == number
            else:
                with pytest.raises(asyncpg.DivisionByZeroError):
                    await connection.fetchval("SELECT work($1)", number)

    noted = served(tmp_path, DatabaseBehaviour(steps, error_every=5), use)
    assert noted.numbers.tolist() == [1, 2, 3, 4, 6, 7, 8, 9, 11, 12]
    asked = (noted.ledger.due_ns - noted.ledger.received_ns) // MS
    assert sorted(asked.tolist()) == [1] * 7 + [20] * 3
    assert (noted.ledger.sent_ns >= noted.ledger.due_ns - MS // 2).all()
    assert noted.happened == {}


@pytest.mark.parametrize("act", ["lock", "restart", "terminate"])
def test_server_acts_once_after_the_first_statement(tmp_path: Path, act: str) -> None:
    """A lock holds a statement up, an outage and an end of sessions lose the session; how long it was is told."""

    async def use(connection: asyncpg.Connection) -> None:
        number, lost, longest_s = 0, False, 0.0
        loop = asyncio.get_running_loop()
        while not lost and (act != "lock" or longest_s < 0.25):
            number += 1
            began = loop.time()
            try:
                await connection.fetchval("SELECT work($1)", number)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                lost = True
            longest_s = loop.time() - began
        assert lost == (act != "lock")
        if act != "lock":  # the session is lost before the server has noted why
            await asyncio.sleep(2 if act == "restart" else 0.5)

    behaviour = DatabaseBehaviour((Step(MS),), act=act, after_ns=100 * MS, length_ns=300 * MS)
    told = served(tmp_path, behaviour, use).happened
    if act == "terminate":
        assert told == {"ended": 1}
    else:
        assert told[f"{act}_ns"] >= 300 * MS


def test_responses_run_from_the_schedule_whose_zero_is_the_promptest_statement() -> None:
    """Numbers 1 and 3 were due at 0 and 20 ms, the load began when the clock was at 1 s; 2 was never answered."""
    base, ms = 1_000 * MS, MS
    received = np.array([base, base + 25 * ms], np.int64)
    gone = np.array([base + 4 * ms, base + 30 * ms], np.int64)
    ledger = Ledger(received, received, gone, np.full(2, Ending.GOOD, np.int64))
    noted = Noted(ledger, np.array([1, 3]), {})
    due = np.array([0, 10 * ms, 20 * ms], np.int64)
    assert noted.responses_ns(due, 0, 30 * ms).tolist() == [4 * ms, 10 * ms]
    assert noted.responses_ns(due, 5 * ms, 30 * ms).tolist() == [10 * ms]
