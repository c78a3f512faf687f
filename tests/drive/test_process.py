"""Inside an engine process: a bug of ours in the load loop is said, never a silent end of arrivals."""

import asyncio

import pytest

from loadtests.drive.process import guarded
from loadtests.errors import GeneratorFault


def test_work_that_ends_gives_its_result() -> None:
    """Nothing raised: nothing changes."""

    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert asyncio.run(guarded(work())) == 7


def test_a_callback_that_raises_ends_the_work_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """Arrivals are callbacks: one that raises would otherwise just stop, and the run wait for nothing."""

    async def work() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(60)

    with pytest.raises(GeneratorFault, match="ZeroDivisionError"):
        asyncio.run(asyncio.wait_for(guarded(work()), 5))
    assert "ZeroDivisionError" in caplog.text


def test_work_that_raises_is_not_hidden() -> None:
    """An error of the work itself comes through as it is."""

    async def work() -> None:
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        asyncio.run(guarded(work()))
