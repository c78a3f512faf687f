"""Workers and their queue: bounded, first come first served, cleared for good, left by who goes away."""

import asyncio

import pytest

from loadtests.target.agents.workers import Cleared, Workers
from loadtests.target.call import Refused


def test_queue_serves_in_order_of_coming() -> None:
    """One worker, three who wait: each has it in turn, and nobody twice."""

    async def scene() -> list[int]:
        workers, served = Workers(1, 10), []

        async def work(number: int) -> None:
            await workers.admit()
            served.append(number)
            await asyncio.sleep(0)
            workers.release(1)

        await asyncio.gather(*map(work, range(4)))
        assert (workers.running, workers.queued) == (0, 0)
        return served

    assert asyncio.run(scene()) == [0, 1, 2, 3]


def test_full_queue_is_refused_with_a_time_to_come_back() -> None:
    """429 from the place after the last on; the more a worker has to do, the later."""

    async def scene() -> Refused:
        workers = Workers(1, 2)
        workers.busy_s = 30.0
        await workers.admit()
        waiting = [asyncio.create_task(workers.admit()) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refused:
            await workers.admit()
        assert (workers.queued, workers.refused) == (2, 1)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return refused.value

    refused = asyncio.run(scene())
    assert (refused.status, refused.retry_after_s) == (429, 30)


def test_cleared_queue_is_empty_and_tells_who_waited() -> None:
    """All who waited are told; who works is left alone; the next one gets the worker."""

    async def scene() -> None:
        workers = Workers(1, 10)
        await workers.admit()
        waiting = [asyncio.create_task(workers.admit()) for _ in range(3)]
        await asyncio.sleep(0)
        assert workers.clear() == 3
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(end, Cleared) and end.status == 503 for end in ends)
        assert (workers.queued, workers.running, workers.cleared) == (0, 1, 3)
        workers.release(1)
        assert await workers.admit() == 0

    asyncio.run(scene())


def test_who_goes_away_leaves_the_queue_even_at_the_last_moment() -> None:
    """Cancelled while it waits, and cancelled in the very turn in which its worker came: nothing leaks."""

    async def scene() -> None:
        workers = Workers(1, 10)
        await workers.admit()
        early, late, last = (asyncio.create_task(workers.admit()) for _ in range(3))
        await asyncio.sleep(0)
        early.cancel()
        await asyncio.sleep(0)
        assert workers.queued == 2
        workers.release(1)
        late.cancel()
        await asyncio.gather(early, late, return_exceptions=True)
        await last
        assert (workers.running, workers.queued) == (1, 0)

    asyncio.run(scene())


def test_stopped_workers_take_nothing_up_until_they_go_on() -> None:
    """A pause holds also who finds all workers free; turning it off lets them go on."""

    async def scene() -> None:
        workers = Workers(2, 10)
        workers.stop_for(3600 * 10**9)
        waiting = asyncio.create_task(workers.admit())
        await asyncio.sleep(0)
        assert (workers.queued, workers.running) == (1, 0)
        workers.stop_for(0)
        assert await waiting > 0
        workers.stop_for(1_000_000)
        await workers.admit()

    asyncio.run(scene())


def test_backlog_waits_works_and_is_taken_back() -> None:
    """Dialled executions fill the queue up to its length and keep workers busy; a new setting takes the rest back."""

    async def scene() -> None:
        workers = Workers(1, 5)
        workers.burden(9, 1_000_000)
        assert (workers.running, workers.queued) == (1, 4)
        assert workers.oldest_ns > 0
        await asyncio.wait_for(workers.admit(), 10)
        assert workers.queued == 0
        workers.release(1)
        workers.burden(3, 3600 * 10**9)
        workers.burden(0, 0)
        assert (workers.running, workers.queued) == (1, 0)

    asyncio.run(scene())


def test_closed_workers_refuse_and_drop() -> None:
    """503 for who comes and for who waits."""

    async def scene() -> None:
        workers = Workers(1, 5)
        await workers.admit()
        waiting = asyncio.create_task(workers.admit())
        await asyncio.sleep(0)
        workers.close()
        with pytest.raises(Cleared):
            await waiting
        with pytest.raises(Refused, match="the server stops"):
            await workers.admit()

    asyncio.run(scene())
