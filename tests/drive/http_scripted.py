"""A server that does exactly what a test's script says, byte by byte, and a small bench that fires executions at it."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from loadtests.clock import LoopClock
from loadtests.drive.drivers.base import Driver, Surroundings
from loadtests.drive.drivers.http import HttpDriver
from loadtests.drive.recorder import Recorder
from loadtests.plan.model import ClosedLoad, OpenLoad, Scenario, Stage, Target
from loadtests.plan.protocol.http import HttpOperation, Request
from loadtests.result.run import FailureSample
from loadtests.result.window import Tally, Window

Run = Callable[[Callable[[], Awaitable[None]]], None]
"""What the `run` fixtures give: runs an async test to its end."""

MS = 1_000_000
S = 1_000_000_000
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


class Peer:
    """The server's side of one connection."""

    def __init__(self, server: "Server", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.number = 0

    async def request(self) -> Seen | None:
        """The next request, whole; `None` when the client has gone."""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        line, *lines = head[:-4].split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        if not self.number:
            self.server.connections += 1
            self.number = self.server.connections
        method, target, _ = line.split(" ")
        seen = Seen(method, target, headers, body, self.number)
        self.server.seen.append(seen)
        return seen

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def dribble(self, *pieces: bytes) -> None:
        """Send pieces so that each arrives on its own."""
        self.writer.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            self.writer.write(piece)
            await asyncio.sleep(0.002)

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Close with RST."""
        linger = struct.pack("ii", 1, 0)
        self.writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class Server:
    """What the script has seen: requests in order, and how many connections carried any."""

    url: str = ""
    port: int = 0
    connections: int = 0
    seen: list[Seen] = field(default_factory=list)


@contextlib.asynccontextmanager
async def serving(
    script: Script, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """A scripted server on a free port; every connection runs the script."""
    server, tasks = Server(), set[asyncio.Task[None]]()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await script(Peer(server, reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except RuntimeError:  # uvloop says so when the client has gone
            pass
        finally:
            tasks.discard(task)
            writer.transport.abort()

    listener = await asyncio.start_server(converse, host, 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    server.url = f"{'https' if tls else 'http'}://{shown}:{server.port}"
    try:
        yield server
    finally:
        listener.close()
        for task in tuple(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await asyncio.sleep(0.002)


def answer(status: str, body: bytes = b"") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def answering(*answers: bytes | Callable[[Seen], bytes]) -> Script:
    """A script that gives each request of a connection the next answer, the last one for ever."""

    async def script(peer: Peer) -> None:
        position = 0
        while (seen := await peer.request()) is not None:
            answer = answers[min(position, len(answers) - 1)]
            peer.send(answer(seen) if callable(answer) else answer)
            position += 1

    return script


def get(path: str = "/", **request: Any) -> HttpOperation:
    """The operation `op`: a request of GET by default."""
    timeout_ns = request.pop("timeout_ns", None)
    return HttpOperation("op", request=Request(request.pop("method", "GET"), path, **request), timeout_ns=timeout_ns)


def scenario(*operations: HttpOperation, closed: bool = False, **rest: Any) -> Scenario:
    load = ClosedLoad(2, S) if closed else OpenLoad((Stage(1.0, S, ramp=False),))
    return Scenario("api", "http", load, operations or (get(),), **{"timeout_ns": 5 * S, **rest})


@dataclass
class Outcome:
    """What was recorded, by operation, and the samples of failures."""

    tallies: dict[str, Tally]
    generator: Tally
    samples: list[FailureSample]
    faults: dict[str, int]

    def ok(self, name: str = "op") -> int:
        return self.tallies[name].count("ok")

    def failures(self, name: str = "op") -> dict[str, int]:
        return self.tallies[name].failures

    def sample(self) -> str:
        """The one sample there is."""
        assert len(self.samples) == 1, self.samples
        return self.samples[0].message


class Bench:
    """A driver with a recorder and the real clock; fires executions as an engine would."""

    def __init__(
        self,
        plan: Scenario,
        target: Target,
        secrets: tuple[str, ...] = (),
        make: Callable[[Surroundings], Driver] = HttpDriver,
    ) -> None:
        self.windows: list[Window] = []
        self.samples: list[FailureSample] = []
        self.recorder = Recorder(plan.name, "0", emit=self.windows.append, sample=self.samples.append)
        self.clock = LoopClock(asyncio.get_running_loop())
        self.driver = make(Surroundings(plan, target, self.recorder, self.clock, secrets))
        self.driver.finished = self._finished
        self.plan = plan
        self.fired = 0
        self.finished: list[int] = []
        self._moved = asyncio.Event()

    def _finished(self, user: int) -> None:
        self.finished.append(user)
        self._moved.set()

    def fire(self, operation: int = 0, *, index: int | None = None, user: int = -1, late_ns: int = 0) -> None:
        now = self.clock.now()
        tape = self.recorder.tape(self.plan.operations[operation].name)
        tape.started(now - late_ns)
        tape.fired(now)
        self.driver.fire(operation, self.fired if index is None else index, now - late_ns, user)
        self.fired += 1

    async def done(self, count: int | None = None) -> None:
        """Wait until so many executions (all) have finished."""
        wanted = self.fired if count is None else count
        async with asyncio.timeout(10):
            while len(self.finished) < wanted:
                self._moved.clear()
                await self._moved.wait()
        assert len(self.finished) <= self.fired

    async def one(self, operation: int = 0, **how: Any) -> None:
        self.fire(operation, **how)
        await self.done()

    def outcome(self) -> Outcome:
        names = {name for window in self.windows for name in window.operations}
        tallies = {
            name: Tally.merge(window.operations[name] for window in self.windows if name in window.operations)
            for name in names
        }
        for name, tally in tallies.items():
            ends = tally.count("ok") + tally.failed + tally.count("cut_off")
            assert tally.count("offered") == ends, f"{name}: every execution ends exactly once"
        return Outcome(
            tallies, Tally.merge(window.generator for window in self.windows), self.samples, self.recorder.faults
        )


@contextlib.asynccontextmanager
async def driving(
    plan: Scenario,
    target: Target | str,
    *,
    secrets: tuple[str, ...] = (),
    make: Callable[[Surroundings], Driver] = HttpDriver,
) -> AsyncIterator[Bench]:
    """An open driver; closed at the end, with everything given out and nothing left behind."""
    bench = Bench(plan, Target(http=target) if isinstance(target, str) else target, secrets, make)
    bench.recorder.begin(bench.clock.now())
    before = asyncio.all_tasks()
    try:
        await bench.driver.open()
        yield bench
    finally:
        bench.driver.cut_off()
        await bench.driver.close()
        bench.clock.close()
        bench.recorder.close()
        await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() - before if "converse" not in str(task.get_coro())]
    assert not left, f"tasks left behind: {left}"


async def outcome_of(script: Script, *operations: HttpOperation, times: int = 1, **rest: Any) -> tuple[Outcome, Server]:
    """Fire every operation `times` times in turn, one at a time, at a server with that script."""
    target = rest.pop("target", None) or Target()
    secrets = rest.pop("secrets", ())
    plan = scenario(*operations, **rest)
    async with serving(script) as server:
        async with driving(plan, replace(target, http=server.url), secrets=secrets) as bench:
            for _ in range(times):
                for position in range(len(plan.operations)):
                    await bench.one(position)
        return bench.outcome(), server
