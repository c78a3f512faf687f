"""Runs that ended are written in batches in the background; what cannot be written is counted, never waited for."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from loadtests.target.agents.archive import Archive
from loadtests.target.agents.ledger import Run
from loadtests.target.agents.question import Question
from loadtests.target.agents.result import result_of
from loadtests.target.database.pool import DatabaseUnavailable


class Recorder:
    """Stands for the database: keeps what it is told, or raises."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.trouble: Exception | None = None

    async def rows(self, kind: str, statement: str, *columns: Any) -> Sequence[Any]:
        if self.trouble is not None:
            raise self.trouble
        self.batches.append(len(columns[0]))
        return [(len(columns[0]),)]


def run(number: int) -> Run:
    question = Question("reduce cost", 42, "42")
    return Run(question, result_of(question, f"run_{number}", None), None, 0.0)  # type: ignore[arg-type]


def test_runs_go_out_in_batches() -> None:
    """4,500 runs are three statements, written at the end if not before."""
    database = Recorder()

    async def scene() -> Archive:
        archive = Archive(database)  # type: ignore[arg-type]
        archive.open()
        for number in range(4_500):
            archive.add(run(number), "completed")
        await archive.close()
        return archive

    archive = asyncio.run(scene())
    assert database.batches == [2_000, 2_000, 500]
    assert (archive.stored, archive.lost) == (4_500, 0)


def test_database_that_is_away_is_tried_again() -> None:
    """Nothing is lost, and nothing is stored, until it is back."""
    database = Recorder()

    async def scene() -> Archive:
        archive = Archive(database)  # type: ignore[arg-type]
        archive.add(run(1), "failed")
        archive.open()
        database.trouble = DatabaseUnavailable("away")
        await asyncio.sleep(0.3)
        assert (archive.stored, archive.lost) == (0, 0)
        database.trouble = None
        await archive.close()
        return archive

    archive = asyncio.run(scene())
    assert (archive.stored, archive.lost) == (1, 0)


@pytest.mark.parametrize("away", [True, False], ids=["too many gather", "a statement is refused"])
def test_what_is_not_stored_is_counted(*, away: bool) -> None:
    """Runs over the limit, and runs of a batch that the database will not have."""
    database = Recorder()
    database.trouble = DatabaseUnavailable("away") if away else asyncpg.CheckViolationError("no")

    async def scene() -> Archive:
        archive = Archive(database)  # type: ignore[arg-type]
        archive.open()
        for number in range(50_003 if away else 3):
            archive.add(run(number), "completed")
        await archive.close()
        return archive

    archive = asyncio.run(scene())
    assert (archive.stored, archive.lost) == (0, 3)
