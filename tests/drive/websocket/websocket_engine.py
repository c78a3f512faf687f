"""One scenario of a second or less, driven by the real engine against a server of the test's own."""

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvloop
from websockets.asyncio.server import ServerConnection, serve

from loadtests.clock import LoopClock
from loadtests.drive.drivers.base import Surroundings
from loadtests.drive.drivers.websocket import WebsocketDriver
from loadtests.drive.engine import Engine
from loadtests.drive.process import guarded
from loadtests.drive.recorder import Recorder
from loadtests.plan.model import ClosedLoad, Connections, Feeder, OpenLoad, Scenario, Stage, Target, Tls
from loadtests.plan.protocol.websocket import Match, Message, WebsocketOperation, WebsocketSettings
from loadtests.result.run import FailureSample
from loadtests.result.window import CONNECTIONS, Tally, Window

ECHO = WebsocketOperation("echo", Message("json", {"id": "{{message}}"}))
BY_ID = Match("json", "id")
Handler = Callable[[ServerConnection], Awaitable[None]]


@dataclass(frozen=True)
class Driven:
    """What the engine recorded, all seconds together."""

    tallies: dict[str, Tally]
    samples: Sequence[FailureSample]
    faults: dict[str, int]
    generator: Tally

    @property
    def connections(self) -> Tally:
        return self.tallies.get(CONNECTIONS, Tally())

    def __getitem__(self, name: str) -> Tally:
        return self.tallies.get(name, Tally())


def opened(
    count: int = 2,
    *,
    rate: float = 0.0,
    seconds: float = 0.4,
    senders: int | None = None,
    spawn: float | None = None,
    after: float = 0.0,
) -> OpenLoad:
    """An open load over `count` connections; at rate 0 they are only held. Messages are due from `after` seconds on."""
    connections = Connections(count, spawn, count if senders is None else senders)
    quiet = (Stage(0.0, round(after * 1e9), ramp=False),) if after else ()
    return OpenLoad((*quiet, Stage(rate, round(seconds * 1e9), ramp=False)), connections=connections)


def closed(count: int = 2, *, seconds: float = 0.4, pacing: float | None = None) -> ClosedLoad:
    """A closed load, each user on its own connection."""
    pacing_ns = None if pacing is None else round(pacing * 1e9)
    return ClosedLoad(count, round(seconds * 1e9), pacing_ns=pacing_ns, connections=Connections(count, None, count))


def scenario(
    load: OpenLoad | ClosedLoad,
    *operations: WebsocketOperation,
    settings: WebsocketSettings = WebsocketSettings(),
    timeout: float = 0.3,
    data: dict[str, Feeder] | None = None,
) -> Scenario:
    return Scenario(
        "talk", "websocket", load, operations, timeout_ns=round(timeout * 1e9), websocket=settings, data=data or {}
    )


class Bench:
    """A driver with all that it needs, and what it has recorded."""

    def __init__(self, what: Scenario, url: str, *, tls: Tls | None = None, shard: int = 0, shards: int = 1) -> None:
        self.windows: list[Window] = []
        self.samples: list[FailureSample] = []
        self.recorder = Recorder(what.name, "0", emit=self.windows.append, sample=self.samples.append)
        self.clock = LoopClock(asyncio.get_running_loop())
        target = Target(websocket=url, tls=tls or Tls())
        around = Surroundings(what, target, self.recorder, self.clock, ("hush-hush",), shard, shards)
        self.driver = WebsocketDriver(around)

    @property
    def driven(self) -> Driven:
        names = {name for window in self.windows for name in window.operations}
        tallies = {
            name: Tally.merge(w.operations[name] for w in self.windows if name in w.operations) for name in names
        }
        generator = Tally.merge(window.generator for window in self.windows)
        return Driven(tallies, self.samples, self.recorder.faults, generator)


async def drive(what: Scenario, url: str, *, tls: Tls | None = None, shard: int = 0, shards: int = 1) -> Driven:
    """Run it to its end."""
    bench = Bench(what, url, tls=tls, shard=shard, shards=shards)
    await bench.driver.open()
    await guarded(Engine(what, bench.driver, shard=shard, shards=shards).run(time.monotonic_ns()))
    bench.clock.close()
    return bench.driven


@asynccontextmanager
async def serving(handler: Handler, **options: Any) -> AsyncIterator[str]:
    """A well-behaved server; yields its URL."""
    async with serve(handler, "127.0.0.1", 0, **options) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def echo(connection: ServerConnection) -> None:
    """Send back what comes, as it came."""
    async for message in connection:
        await connection.send(message)


Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(behave: Raw, *, upgrade: bool = True) -> AsyncIterator[str]:
    """A server that may break every rule: `behave` gets the streams, after the upgrade unless told otherwise."""
    tasks: set[asyncio.Task[None]] = set()

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if upgrade:
                writer.write(granted(head))
            await behave(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(met, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        for task in tuple(tasks):
            task.cancel()
        server.close()
        await asyncio.sleep(0.01)


def granted(head: bytes) -> bytes:
    """The answer that grants the upgrade asked for in `head`."""
    key = next(line[19:].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run an async test on uvloop, as engines do."""

    async def whole() -> None:
        await test()

    uvloop.run(whole())
