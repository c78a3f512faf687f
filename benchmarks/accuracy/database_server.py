"""A PostgreSQL whose statements take a known time, and that notes when each came and left.

    python -m benchmarks.accuracy.database_server BEHAVIOUR LEDGER      (JSON, path of the ledger to write)

Prints its port once it answers; its address with the password is beside the ledger, as .dsn. The work is
`SELECT work(n)`. At the end of its standard input it writes the ledger, the statements' numbers (.numbers.npy) and
what happened (.json), and ends.
"""

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np

from benchmarks.accuracy.behaviour import Ending, evenly
from benchmarks.accuracy.database_behaviour import DatabaseBehaviour
from benchmarks.accuracy.ledger import Ledger
from loadtests.target.database.acts import end_sessions, lock_table, restart_server
from loadtests.target.postgres.attached import EMBEDDED, Attachment, attached
from loadtests.target.share import Share

__all__ = ["TABLE"]

TABLE = "users"
_LOOK_EVERY_S = 0.01
_NOTES = "CREATE UNLOGGED TABLE notes (n bigint, came timestamptz, asked double precision, gone timestamptz)"
_WORK = """
CREATE FUNCTION work(n bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE asked double precision := ({law})[1 + (n - 1) % {period}];
BEGIN
    PERFORM 1 FROM {table} WHERE id = 1;
    PERFORM pg_sleep(asked);
    IF {fails} THEN PERFORM 1 / 0; END IF;
    INSERT INTO notes VALUES (n, statement_timestamp(), asked, clock_timestamp());
    RETURN n;
END $$"""
_BEGUN = "SELECT extract(epoch FROM clock_timestamp() - min(came)) FROM notes"
_ALL = """
SELECT n, (extract(epoch FROM came) * 1e6)::bigint AS came_us, (asked * 1e6)::bigint AS asked_us,
       (extract(epoch FROM gone) * 1e6)::bigint AS gone_us
FROM notes ORDER BY came, n
"""


class _Truth:
    """One server at work, for one behaviour."""

    def __init__(self, database: Attachment, behaviour: DatabaseBehaviour) -> None:
        self._database, self._behaviour = database, behaviour
        self.happened: dict[str, float] = {}

    async def prepare(self) -> None:
        """Make the function and the notes."""
        period = evenly(self._behaviour.steps)
        every = self._behaviour.error_every
        work = _WORK.format(
            law="ARRAY[" + ", ".join(f"{latency_ns / 1e9!r}" for latency_ns in period) + "]::double precision[]",
            period=len(period),
            table=TABLE,
            fails="false" if every is None else f"n % {every} = 0",
        )
        await self._run(_NOTES, work)

    async def act(self) -> None:
        """Wait for the first statement, then for the moment, and do what the behaviour says."""
        behaviour = self._behaviour
        if behaviour.act is None:
            return
        while (since_s := (await self._run(_BEGUN))[0][0]) is None:
            await asyncio.sleep(_LOOK_EVERY_S)
        await asyncio.sleep(behaviour.after_ns / 1e9 - float(since_s))
        if behaviour.act == "lock":
            self.happened["lock_ns"] = await lock_table(self._database, TABLE, behaviour.length_ns)
        elif behaviour.act == "restart":
            self.happened["restart_ns"] = await restart_server(self._database, behaviour.length_ns)
        else:
            ended, _ = await end_sessions(self._database, Share(1, 1, "100%"), 0)
            self.happened["ended"] = ended

    async def notes(self) -> list[Any]:
        """What was noted of each statement."""
        return await self._run(_ALL)

    async def _run(self, *statements: str) -> list[Any]:
        rows: list[Any] = []
        connection = await asyncpg.connect(self._database.dsn, server_settings={"application_name": "netra-faults"})
        try:
            for statement in statements:
                rows = await connection.fetch(statement)
        finally:
            await connection.close()
        return rows


async def _serve(database: Attachment, behaviour: DatabaseBehaviour, ledger: Path) -> None:
    truth = _Truth(database, behaviour)
    await truth.prepare()
    ledger.with_suffix(".dsn").write_text(database.dsn)
    assert database.server is not None
    print(database.server.port, flush=True)
    acting = asyncio.create_task(truth.act())
    await asyncio.to_thread(sys.stdin.read)
    acting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await acting
    rows = await truth.notes()
    numbers, came, asked, gone = np.array([tuple(row) for row in rows], np.int64).reshape(-1, 4).T
    found = Ledger(came * 1000, (came + asked) * 1000, gone * 1000, np.full(len(came), Ending.GOOD, np.int64))
    found.save(ledger)
    np.save(ledger.with_suffix(".numbers.npy"), numbers)
    ledger.with_suffix(".json").write_text(json.dumps(truth.happened))


def _main() -> None:
    behaviour = DatabaseBehaviour.from_wire(json.loads(sys.argv[1]))
    with attached(EMBEDDED, users=10) as database:
        assert database is not None
        asyncio.run(_serve(database, behaviour, Path(sys.argv[2])))


if __name__ == "__main__":
    _main()
