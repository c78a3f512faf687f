"""Several engine processes that run the shards of one scenario together, from this machine."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from loadtests.drive.wire import Job, encode, read_frame
from loadtests.errors import GeneratorFault, HostNotAllowed, LoadtestsError, TargetUnreachable, UsageError
from loadtests.result.run import FailureSample, ProcessEnd
from loadtests.result.window import Window

__all__ = ["EngineProcess", "FleetObserver"]

_START_WITHIN_S = 30.0
_REFUSALS: Mapping[str, Callable[..., LoadtestsError]] = {
    kind.__name__: kind for kind in (TargetUnreachable, HostNotAllowed, UsageError)
}


class FleetObserver(Protocol):
    """Is told of everything that engine processes report."""

    def window(self, window: Window) -> None:
        """A further window has come in."""

    def failure(self, failure: FailureSample) -> None:
        """A sample of a failed execution has come in."""


class EngineProcess:
    """The coordinator's side of one engine process: start it, tell it when, hear it out, know how it ended."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.name = name
        self._process = process
        self._orders, self._reports = process.stdin, process.stdout
        self._complaint: str | None = None
        self.ended_s: float | None = None

    @classmethod
    async def launch(cls, job: Job) -> "EngineProcess":
        """Start a process and hand it its job."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "loadtests.drive.process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**20,
            start_new_session=True,  # a Ctrl-C in the terminal is ours to handle
        )
        engine = cls(job.process, process)
        await engine._tell("job", job.to_wire())
        return engine

    @property
    def pid(self) -> int:
        """The process id, for whoever wants to watch or stop it."""
        return self._process.pid

    async def ready(self) -> None:
        """Wait until the process can start; raises what kept it from that."""
        try:
            frame = await asyncio.wait_for(read_frame(self._reports), _START_WITHIN_S)
        except TimeoutError:
            raise GeneratorFault(f"engine process {self.name} was not ready after {_START_WITHIN_S:.0f} s") from None
        if frame is None:
            code = await self._process.wait()
            raise GeneratorFault(f"engine process {self.name} {_ending(code)} before it was ready")
        kind, payload = frame
        if kind == "broken" and payload["error"] in _REFUSALS:
            raise _REFUSALS[payload["error"]](*payload["arguments"])
        if kind == "broken":
            raise GeneratorFault(f"engine process {self.name} could not start: {payload['reason']}")

    async def start(self, at_ns: int) -> None:
        """Tell the process the instant (monotonic ns) of second 0."""
        await self._tell("start", {"at_ns": at_ns})

    async def stop(self) -> None:
        """Tell the process to end early."""
        await self._tell("stop", {})

    async def hear(self, observer: FleetObserver, *, deadline_ns: int) -> ProcessEnd:
        """Pass on everything the process reports until it ends; one that overruns `deadline_ns` is killed."""
        try:
            async with asyncio.timeout((deadline_ns - time.monotonic_ns()) / 1e9):
                done = await self._pass_on(observer)
                code = await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
            return ProcessEnd(self.name, clean=False, reason=f"engine process {self.name} did not end in time")
        if done is None:
            how = self._complaint or f"{_ending(code)} during the run"
            return ProcessEnd(self.name, clean=False, reason=f"engine process {self.name}: {how}")
        self.ended_s = done["ended_s"]
        return ProcessEnd(self.name, clean=True, windows=done["windows"], faults=done["faults"])

    def kill(self) -> None:
        """End the process at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)

    async def gone(self) -> None:
        """End the process if it still runs, and wait for it."""
        if self._process.returncode is None:
            self.kill()
        await self._process.wait()

    async def _pass_on(self, observer: FleetObserver) -> dict[str, Any] | None:
        done: dict[str, Any] | None = None
        while (frame := await read_frame(self._reports)) is not None:
            kind, payload = frame
            if kind == "window":
                observer.window(Window.from_wire(payload))
            elif kind == "failure":
                observer.failure(FailureSample(**payload))
            elif kind == "broken":
                self._complaint = payload["reason"]
            elif kind == "done":
                done = payload
        return done

    async def _tell(self, kind: str, payload: Mapping[str, Any]) -> None:
        with contextlib.suppress(ConnectionError):  # a dead process is noticed where its reports end
            self._orders.write(encode(kind, payload))
            await self._orders.drain()


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"
