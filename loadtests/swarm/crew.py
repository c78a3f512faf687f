"""Engine processes on other machines, as the coordinator sees them: by the same frames as local ones, through the hub.

The workers of a run are those that joined first; who comes later waits in reserve for the next scenario.
"""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from loadtests.drive.fleet import EngineProcess, Loss, jobs_for
from loadtests.drive.wire import Frame, encode, read_frame
from loadtests.errors import GeneratorFault
from loadtests.plan.model import Plan, Scenario
from loadtests.swarm.letters import KILL
from loadtests.swarm.parcel import pack

__all__ = ["RemoteCrew", "RemoteWorker"]

_OPEN_WITHIN_S = 20.0
_CLOSE_WITHIN_S = 10.0


@dataclass(slots=True)
class RemoteWorker:
    """A worker that has joined, and the lines to its engine processes of the scenario that runs."""

    name: str
    described: str
    pid: int
    processes: int
    lines: "dict[str, _Line]" = field(default_factory=dict)


class RemoteCrew:
    """The first `expected` workers that join a hub; see `opened`."""

    head_start_ns = 1_000_000_000

    def __init__(self, hub: asyncio.subprocess.Process, *, expected: int, wait_s: float, say: Callable[[str], None]):
        assert hub.stdin is not None
        assert hub.stdout is not None
        self._hub, self._orders, self._reports = hub, hub.stdin, hub.stdout
        self._expected, self.wait_s, self._say = expected, wait_s, say
        self.port = 0
        self.workers: dict[str, RemoteWorker] = {}
        self._changed = asyncio.Event()
        self._fault: str | None = None
        self._remarks: list[str] = []
        self._busy_since_ns: int | None = None
        self._sent: str | None = None
        self._start_asked, self._stop_asked = asyncio.Event(), asyncio.Event()
        self._started = False

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(
        cls,
        host: str,
        port: int,
        *,
        expected: int,
        wait_s: float,
        say: Callable[[str], None],
        patience_s: float = 5.0,
        web: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Self]:
        """A crew whose workers come to `host`:`port` (any free one for 0), for the length of the block.

        A scenario begins when `expected` of them are there, waited for at most `wait_s`; a worker that does not answer
        for `patience_s` is lost. `say` is told what happens. `web` (host, port, plan, target): Locust's interface.
        """
        hub = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "loadtests.swarm.hub",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**20,
            start_new_session=True,
        )
        crew = cls(hub, expected=expected, wait_s=wait_s, say=say)
        listening = None
        try:
            await crew.order("hub", {"host": host, "port": port, "patience_s": patience_s, "web": web})
            crew.port = await crew._open()
            say(f"waiting for workers: loadtests worker --master-host <this machine> --master-port {crew.port}")
            listening = asyncio.ensure_future(crew._listen())
            yield crew
        finally:
            await crew._close()
            if listening is not None:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def launched(self, plan: Plan, scenario: Scenario) -> AsyncIterator[list[EngineProcess]]:
        """See `Crew.launched`."""
        workers = await self._gathered(scenario)
        await self._send_plan(plan)
        places = [(worker, f"{worker.name}.{number}") for worker in workers for number in range(worker.processes)]
        engines: list[EngineProcess] = []
        try:
            self._busy_since_ns = time.monotonic_ns()
            await self.order("begin", {})
            for (worker, name), job in zip(
                places, jobs_for(plan, scenario, names=[name for _, name in places]), strict=True
            ):
                line = _Line(self, worker.name, name)
                engines.append(EngineProcess(name, line))
                if worker.name in self.workers:
                    worker.lines[name] = line
                    await self.order("job", {"worker": worker.name, "job": {**job.to_wire(), "document": {}}})
                else:
                    line.close(f"could not be started: {worker.described} is gone")
            yield engines
        finally:
            for engine in engines:
                engine.kill()
            for engine in engines:
                await engine.gone()
            for worker in self.workers.values():
                worker.lines.clear()
            self._busy_since_ns = None
            await self.order("over", {})

    async def requested(self, leave: asyncio.Event) -> asyncio.Event | None:
        """Wait until a person asks for a run; gives what is set when it is to stop, `None` once `leave` is set."""
        self._start_asked.clear()
        waiting = [asyncio.ensure_future(event.wait()) for event in (self._start_asked, leave)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting:
            each.cancel()
        self._stop_asked = asyncio.Event()
        return None if leave.is_set() else self._stop_asked

    def remarks(self) -> Sequence[str]:
        """See `Crew.remarks`."""
        return tuple(self._remarks)

    async def order(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Tell the hub something."""
        with contextlib.suppress(ConnectionError):  # where its reports end, all its workers are lost
            self._orders.write(encode(kind, payload))
            await self._orders.drain()

    def order_soon(self, kind: str, payload: Mapping[str, Any]) -> None:
        """As `order`, without waiting until the pipe has taken it."""
        with contextlib.suppress(ConnectionError):
            self._orders.write(encode(kind, payload))

    async def _open(self) -> int:
        try:
            frame = await asyncio.wait_for(read_frame(self._reports), _OPEN_WITHIN_S)
        except TimeoutError:
            raise GeneratorFault(f"the hub of the workers was not open after {_OPEN_WITHIN_S:.0f} s") from None
        if frame is None or frame[0] == "broken":
            reason = "it ended" if frame is None else frame[1]["reason"]
            raise GeneratorFault(f"the hub of the workers could not be opened: {reason}")
        port: int = frame[1]["port"]
        return port

    async def _close(self) -> None:
        """Let the hub dismiss the workers; one that does not end is killed."""
        self._orders.close()
        try:
            await asyncio.wait_for(self._hub.wait(), _CLOSE_WITHIN_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._hub.send_signal(signal.SIGKILL)
            await self._hub.wait()

    async def _gathered(self, scenario: Scenario) -> list[RemoteWorker]:
        """The workers for a scenario; from the second on it may do with as many fewer as the plan allows to lose."""
        needed = self._expected - (scenario.allow_lost_workers if self._started else 0)
        try:
            async with asyncio.timeout(self.wait_s):
                while len(self.workers) < max(1, needed) and self._fault is None:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            here = len(self.workers)
            raise GeneratorFault(
                f"{here} of the {self._expected} workers expected were there after {self.wait_s:g} s"
            ) from None
        if self._fault is not None:
            raise GeneratorFault(self._fault)
        self._started = True
        return list(self.workers.values())[: self._expected]

    async def _send_plan(self, plan: Plan) -> None:
        parcel = pack(plan, commands=Path.cwd())
        if parcel.digest != self._sent:
            self._sent = parcel.digest
            await self.order("parcel", {"digest": parcel.digest, "parcel": parcel.to_wire()})

    async def _listen(self) -> None:
        while (frame := await read_frame(self._reports)) is not None:
            kind, told = frame
            if kind == "frame":
                self._frame(told)
            elif kind == "joined":
                self._joined(told)
            elif kind == "refused":
                self._remark(f"a worker of {told['host']} (process {told['pid']}) was refused: {told['reason']}")
            elif kind == "lost":
                self._lost(told)
            elif kind == "asked":
                (self._start_asked if told["what"] == "start" else self._stop_asked).set()
            self._changed.set()
        self._fault = "the hub of the workers ended"
        for worker in self.workers.values():
            for line in worker.lines.values():
                line.close("was lost with the hub of the workers")
        self._changed.set()

    def _frame(self, told: Mapping[str, Any]) -> None:
        worker = self.workers.get(told["worker"])
        line = None if worker is None else worker.lines.get(told["engine"])
        if line is not None:
            line.came(told["kind"], told["payload"])

    def _joined(self, told: Mapping[str, Any]) -> None:
        worker = RemoteWorker(told["worker"], told["described"], told["pid"], told["processes"])
        self.workers[worker.name] = worker
        clock = f"clock {told['offset_ns'] / 1e6:+,.3f} ms, give or take {told['error_ns'] / 1e6:.3f} ms"
        self._say(f"{worker.described} has joined: {worker.processes} engine processes, {clock}")
        if self._busy_since_ns is not None:
            late_s = (time.monotonic_ns() - self._busy_since_ns) / 1e9
            self._remark(f"{worker.described} joined {late_s:.1f} s too late for the scenario that ran")
        elif len(self.workers) > self._expected:
            self._say(f"{worker.name} is one more than expected, and waits in reserve")

    def _lost(self, told: Mapping[str, Any]) -> None:
        worker = self.workers.pop(told["worker"], None)
        if worker is None:
            return
        sentence = f"{worker.described} was lost: {told['reason']}"
        for line in worker.lines.values():
            line.lost(worker.name, worker.described, told["reason"], told["at_ns"])
        if not worker.lines:
            self._remark(sentence)
        else:
            self._say(sentence)

    def _remark(self, sentence: str) -> None:
        self._remarks.append(sentence)
        self._say(sentence)


class _Line:
    """The line to an engine process of a worker; see `drive.fleet.Line`."""

    def __init__(self, crew: RemoteCrew, worker: str, engine: str) -> None:
        self._crew, self._worker, self._engine = crew, worker, engine
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._ending: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._start_ns: int | None = None
        self.loss: Loss | None = None
        self.pid = 0

    async def tell(self, kind: str, payload: Mapping[str, Any]) -> None:
        if kind == "start":
            self._start_ns = payload["at_ns"]
        await self._crew.order("tell", self._letter(kind, payload))

    async def next(self) -> Frame | None:
        return await self._frames.get()

    async def ending(self) -> str:
        return await asyncio.shield(self._ending)

    def kill(self) -> None:
        if not self._ending.done():
            self._crew.order_soon("tell", self._letter(KILL, {}))

    def came(self, kind: str, payload: dict[str, Any]) -> None:
        """A frame of the engine process, or the worker's word that it is gone."""
        if kind == "gone":
            self.close(payload["how"])
        else:
            self._frames.put_nowait((kind, payload))

    def lost(self, worker: str, described: str, reason: str, at_ns: int) -> None:
        """Its worker was lost at that instant."""
        if self._start_ns is None:
            self.close(f"was lost with {described}: {reason},")
            return
        at_s = (at_ns - self._start_ns) / 1e9
        if not self._ending.done():
            self.loss = Loss(worker, at_s, f"{described} was lost {at_s:.1f} s after the start: {reason}")
        self.close(f"was lost with {described}")

    def close(self, how: str) -> None:
        """Nothing more will come."""
        if not self._ending.done():
            self._ending.set_result(how)
            self._frames.put_nowait(None)

    def _letter(self, kind: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        return {"worker": self._worker, "engine": self._engine, "kind": kind, "payload": dict(payload)}
