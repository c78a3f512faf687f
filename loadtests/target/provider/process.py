"""The stub provider as a process of its own, which ends when who started it closes its input or dies."""

import asyncio
import contextlib
import gc
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

from loadtests.clock import LoopClock
from loadtests.target.provider.stub import Stub

__all__ = ["ProviderProcess", "provide", "serving"]

_HOST = "127.0.0.1"
_BACKLOG = 4096
_STOP_WITHIN_S = 2.0


@contextlib.asynccontextmanager
async def serving(port: int = 0) -> AsyncIterator[int]:
    """Serve the stub in this loop for the length of the block; gives its port on loopback."""
    loop = asyncio.get_running_loop()
    clock = LoopClock(loop)
    server = await loop.create_server(lambda: Stub(clock), _HOST, port, backlog=_BACKLOG)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        clock.close()


async def provide() -> None:
    """Serve, print the port, and return when the standard input ends; interrupts are for the parent alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    async with serving() as port:
        with contextlib.suppress(BrokenPipeError):
            print(port, flush=True)
        loop.add_reader(sys.stdin.fileno(), ended.set)
        gc.collect()
        gc.freeze()
        await ended.wait()


class ProviderProcess:
    """The child process, begun at once."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "loadtests.target.provider"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    async def address(self) -> tuple[str, int]:
        """Where it listens, once it does; raises `RuntimeError` when it did not start."""
        assert self._process.stdout is not None
        line = await asyncio.get_running_loop().run_in_executor(None, self._process.stdout.readline)
        if not line.strip().isdigit():
            raise RuntimeError("the stub provider did not start; `python -m loadtests.target.provider` shows why")
        return _HOST, int(line)

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
