"""Engine processes that run the shards of one scenario together: those of this machine, and how any are spoken with."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from loadtests.drive.wire import ENGINE, LOCUST_ENGINE, Frame, Job, encode, read_frame
from loadtests.errors import GeneratorFault, HostNotAllowed, LoadtestsError, TargetUnreachable, UsageError
from loadtests.plan.model import Plan, Scenario
from loadtests.result.run import FailureSample, ProcessEnd
from loadtests.result.window import Window

__all__ = ["Crew", "EngineProcess", "FleetObserver", "Line", "LocalCrew", "Loss", "how_it_ended", "jobs_for"]

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


@dataclass(frozen=True, slots=True)
class Loss:
    """The machine of an engine process was lost: which worker, how many seconds after the start, and the sentence."""

    worker: str
    at_s: float
    sentence: str


class Line(Protocol):
    """The way to one engine process and back, wherever it runs."""

    @property
    def pid(self) -> int:
        """Its process id, on the machine it runs on."""

    async def tell(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Send it a frame; one that is gone is noticed where its reports end."""

    async def next(self) -> Frame | None:
        """Its next frame, `None` when there will be no more."""

    async def ending(self) -> str:
        """Wait until it is gone; how that came about, as a predicate: `ended with exit code 0`."""

    @property
    def loss(self) -> Loss | None:
        """Set when it went with its machine."""

    def kill(self) -> None:
        """End it at once."""


class Crew(Protocol):
    """Where engine processes come from."""

    head_start_ns: int
    """From when all are ready until the common start: time enough to tell them all."""

    def launched(self, plan: Plan, scenario: Scenario) -> "AbstractAsyncContextManager[Sequence[EngineProcess]]":
        """The engine processes of one scenario, one per shard and in their order; gone afterwards, whatever happens."""

    def remarks(self) -> Sequence[str]:
        """What a reader of the run should know of the crew."""


class EngineProcess:
    """The coordinator's side of one engine process: start it, tell it when, hear it out, know how it ended."""

    def __init__(self, name: str, line: Line) -> None:
        self.name = name
        self._line = line
        self._complaint: str | None = None
        self.ended_s: float | None = None

    @property
    def pid(self) -> int:
        """The process id, for whoever wants to watch or stop it."""
        return self._line.pid

    async def ready(self) -> None:
        """Wait until the process can start; raises what kept it from that."""
        try:
            frame = await asyncio.wait_for(self._line.next(), _START_WITHIN_S)
        except TimeoutError:
            raise GeneratorFault(f"engine process {self.name} was not ready after {_START_WITHIN_S:.0f} s") from None
        if frame is None:
            raise GeneratorFault(f"engine process {self.name} {await self._line.ending()} before it was ready")
        kind, payload = frame
        if kind == "broken" and payload["error"] in _REFUSALS:
            raise _REFUSALS[payload["error"]](*payload["arguments"])
        if kind == "broken":
            raise GeneratorFault(f"engine process {self.name} could not start: {payload['reason']}")

    async def start(self, at_ns: int) -> None:
        """Tell the process the instant (monotonic ns of this machine) of second 0."""
        await self._line.tell("start", {"at_ns": at_ns})

    async def stop(self) -> None:
        """Tell the process to end early."""
        await self._line.tell("stop", {})

    async def hear(self, observer: FleetObserver, *, deadline_ns: int) -> ProcessEnd:
        """Pass on everything the process reports until it ends; one that overruns `deadline_ns` is killed."""
        try:
            async with asyncio.timeout((deadline_ns - time.monotonic_ns()) / 1e9):
                done = await self._pass_on(observer)
                ending = await self._line.ending()
        except TimeoutError:
            self.kill()
            await self._line.ending()
            return ProcessEnd(self.name, clean=False, reason=f"engine process {self.name} did not end in time")
        if done is None:
            how = self._complaint or f"{ending} during the run"
            return self._died(f"engine process {self.name}: {how}")
        self.ended_s = done["ended_s"]
        return ProcessEnd(self.name, clean=True, windows=done["windows"], faults=done["faults"])

    def kill(self) -> None:
        """End the process at once."""
        self._line.kill()

    async def gone(self) -> None:
        """End the process if it still runs, and wait for it."""
        self.kill()
        await self._line.ending()

    def _died(self, reason: str) -> ProcessEnd:
        loss = self._line.loss
        if loss is None:
            return ProcessEnd(self.name, clean=False, reason=reason)
        return ProcessEnd(self.name, clean=False, reason=loss.sentence, worker=loss.worker, lost_s=loss.at_s)

    async def _pass_on(self, observer: FleetObserver) -> dict[str, Any] | None:
        done: dict[str, Any] | None = None
        while (frame := await self._line.next()) is not None:
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


class LocalCrew:
    """As many engine processes as wanted, on this machine."""

    head_start_ns = 200_000_000

    def __init__(self, processes: int = 1) -> None:
        self._processes = processes

    @contextlib.asynccontextmanager
    async def launched(self, plan: Plan, scenario: Scenario) -> AsyncIterator[list[EngineProcess]]:
        """See `Crew.launched`."""
        engines: list[EngineProcess] = []
        try:
            for job in jobs_for(plan, scenario, names=[str(shard) for shard in range(self._processes)]):
                engines.append(EngineProcess(job.process, await _Pipes.to(job)))
            yield engines
        finally:
            for engine in engines:
                await engine.gone()

    def remarks(self) -> Sequence[str]:
        """See `Crew.remarks`."""
        return ()


def jobs_for(plan: Plan, scenario: Scenario, *, names: Sequence[str]) -> list[Job]:
    """The jobs of engine processes of these names, a shard each."""
    return [
        Job(
            plan.unmasked,
            plan.source,
            scenario.name,
            process=name,
            shard=shard,
            shards=len(names),
            search_path=["."],
            program=LOCUST_ENGINE if scenario.driver == "locust" else ENGINE,
        )
        for shard, name in enumerate(names)
    ]


class _Pipes:
    """The line to a process of this machine: its standard input and output."""

    loss = None

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._orders, self._reports = process.stdin, process.stdout

    @classmethod
    async def to(cls, job: Job) -> "_Pipes":
        """Start a process and hand it its job."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            job.program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**20,
            start_new_session=True,  # a Ctrl-C in the terminal is ours to handle
        )
        line = cls(process)
        await line.tell("job", job.to_wire())
        return line

    @property
    def pid(self) -> int:
        return self._process.pid

    async def tell(self, kind: str, payload: Mapping[str, Any]) -> None:
        with contextlib.suppress(ConnectionError):
            self._orders.write(encode(kind, payload))
            await self._orders.drain()

    async def next(self) -> Frame | None:
        return await read_frame(self._reports)

    async def ending(self) -> str:
        return how_it_ended(await self._process.wait())

    def kill(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)


def how_it_ended(code: int) -> str:
    """What the exit code of a process says, as a predicate."""
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"
