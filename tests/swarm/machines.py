"""A crew of real workers on loopback: a hub, `loadtests worker`s, and their engine processes."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from loadtests.drive.coordinator import Ending, drive
from loadtests.plan.model import Plan
from loadtests.swarm.crew import RemoteCrew
from tests.drive.memory import Memory

T = TypeVar("T")

WITHIN_S = 40.0
"""Long enough for a busy machine; a test that needs so long says that something hangs."""

_ODD_CLOCK = """
import os, sys, time
from loadtests.swarm.worker import serve
jump = lambda: time.monotonic_ns() - (400_000_000 if os.path.exists(sys.argv[2]) else 0)
said = serve("127.0.0.1", int(sys.argv[1]), processes=1, wait_s=30, say=print, clock=jump)
print("ends:", said.reason)
"""


class Machines:
    """Workers of one crew, by name; started as they are needed, all gone in the end."""

    def __init__(self, crew: RemoteCrew, said: list[str]) -> None:
        self.crew, self.said = crew, said
        self._started: list[subprocess.Popen[str]] = []

    async def ensure(self, count: int) -> None:
        """So many workers are there."""
        while len(self.crew.workers) + self._coming() < count:
            self.start()
        await until(lambda: len(self.crew.workers) >= count, f"{count} workers")

    def start(self, command: list[str] | None = None) -> "subprocess.Popen[str]":
        """Another worker, or what the command is."""
        port = str(self.crew.port)
        worker = [sys.executable, "-m", "loadtests", "worker", "--master-host", "127.0.0.1", "--master-port", port]
        process = subprocess.Popen(command or worker, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._started.append(process)
        return process

    async def start_with_odd_clock(self, switch: str) -> None:
        """One whose clock jumps back by 0.4 s as soon as there is a file `switch`."""
        before = len(self.crew.workers)
        self.start([sys.executable, "-c", _ODD_CLOCK, str(self.crew.port), switch])
        await until(lambda: len(self.crew.workers) > before, "the worker with the odd clock")

    def signal(self, worker: str, number: signal.Signals) -> None:
        """Send a signal to the worker of that name."""
        os.kill(self.crew.workers[worker].pid, number)

    async def drive(self, plan: Plan, memory: Memory) -> Ending:
        """The plan's scenario `s`, by this crew."""
        return await drive(plan, plan.scenarios["s"], memory, crew=self.crew)

    def close(self) -> None:
        for process in self._started:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.communicate()

    def _coming(self) -> int:
        known = {worker.pid for worker in self.crew.workers.values()}
        return sum(process.pid not in known and process.poll() is None for process in self._started)


@contextlib.asynccontextmanager
async def machines(expected: int, *, patience_s: float = 3.0) -> AsyncIterator[Machines]:
    """A crew that waits for `expected` workers; none have been started."""
    said: list[str] = []
    opened = RemoteCrew.opened(
        "127.0.0.1", 0, expected=expected, wait_s=WITHIN_S, say=said.append, patience_s=patience_s
    )
    async with opened as crew:
        found = Machines(crew, said)
        try:
            yield found
        finally:
            found.close()


async def until(reached: Callable[[], bool], what: str) -> None:
    """Wait for it, at most as long as a busy machine may take."""
    began = time.monotonic()
    while not reached():
        assert time.monotonic() - began < WITHIN_S, f"{what}: not within {WITHIN_S:.0f} s"
        await asyncio.sleep(0.02)


def bounded(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which ends in time."""
    return asyncio.run(asyncio.wait_for(work, 55))
