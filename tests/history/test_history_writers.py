"""Processes that record at once lose nothing, on both databases, even when the tables are still to be made."""

import multiprocessing
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier

import pytest
from kept_runs import kept
from sqlalchemy.orm import Session

from loadtests.history.address import Address
from loadtests.history.database import connected, engine_of
from loadtests.history.kept import KeptRun
from loadtests.history.rows import rows_of
from loadtests.history.store import History, Selection

_FORK = multiprocessing.get_context("fork")  # each begins with everything imported, so that they do meet
_WRITERS, _EACH = 4, 6
_OWN = [range(writer * _EACH, (writer + 1) * _EACH) for writer in range(_WRITERS)]


@pytest.mark.parametrize(
    ("shares", "in_all"),
    [
        pytest.param(_OWN, _WRITERS * _EACH, id="runs of their own"),
        pytest.param([range(_EACH)] * _WRITERS, _EACH, id="all the same runs"),
    ],
)
def test_writers_at_once_lose_nothing_and_double_nothing(
    address: Address, shares: Sequence[range], in_all: int
) -> None:
    """Each run is recorded by exactly one of them, with everything that belongs to it."""
    one, barrier, added = kept(), _FORK.Barrier(_WRITERS), _FORK.SimpleQueue()
    writers = [_FORK.Process(target=_write, args=(address, one, share, barrier, added)) for share in shares]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(50)
    assert [writer.exitcode for writer in writers] == [0] * _WRITERS
    assert sum(added.get() for _ in writers) == in_all
    found = History.open(address).runs(Selection())
    assert sorted(run.id for run in found) == [f"run-{number:03d}" for number in range(in_all)]
    assert all(run.scenarios == one.scenarios for run in found)


def test_a_writer_that_is_killed_leaves_no_half_run(address: Address) -> None:
    """In the middle of its transaction: what was there before is there, and the run can be recorded after all."""
    history, first, second = History.open(address), kept(number=0), kept(number=1)
    history.add(first)
    writer = _FORK.Process(target=_die_writing, args=(address, second))
    writer.start()
    writer.join(50)
    assert writer.exitcode == -signal.SIGKILL
    assert history.runs(Selection()) == [first]
    assert history.add(second)
    assert history.runs(Selection()) == [first, second]


def _die_writing(address: Address, one: KeptRun) -> None:
    with connected(engine_of(address), address, writes=True) as connection, Session(connection) as session:
        session.add(rows_of(one))
        session.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def _write(address: Address, one: KeptRun, share: range, barrier: Barrier, added: "SimpleQueue[int]") -> None:
    barrier.wait(20)
    history = History.open(address)
    added.put(sum(history.add(replace(one, id=f"run-{number:03d}")) for number in share))
