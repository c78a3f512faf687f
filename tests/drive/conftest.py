"""Both event loops: uvloop, on which engines run, and asyncio's own, which is stricter about what is left open."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from http_scripted import Run

_LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}


def _runner(loop: str) -> Run:
    def run(test: Callable[[], Awaitable[None]]) -> None:
        complaints: list[dict[str, Any]] = []

        async def watched() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
            await test()

        with asyncio.Runner(loop_factory=_LOOPS[loop]) as runner:
            runner.run(watched())
        assert not complaints, complaints

    return run


@pytest.fixture
def run() -> Run:
    """Run a test on uvloop; what the loop complains about fails it."""
    return _runner("uvloop")


@pytest.fixture(params=_LOOPS)
def run_on_both(request: pytest.FixtureRequest) -> Run:
    """Run a test on uvloop and on asyncio's loop."""
    return _runner(request.param)
