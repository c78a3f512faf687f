"""A bare loop over HTTP on uvloop: `python -m benchmarks.peers.uvloop_loop URL CONNECTIONS SECONDS [--parsed|RATE]`.

The floor of what Python can do on this event loop: the next request is written as soon as anything has come back. It
checks nothing, records nothing and has no plan. With `--parsed`, answers go through httptools, one future each, and
their latencies into a list. With a rate, requests are written at their instants instead, by the suite's own clock.
"""

import asyncio
import sys
import time
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httptools
import uvloop

from loadtests.clock import LoopClock


class _Unread(asyncio.Protocol):
    """Takes whatever comes for a whole answer."""

    def __init__(self, request: bytes) -> None:
        self._request = request

    def connection_made(self, transport: Any) -> None:
        self._write = transport.write
        self._write(self._request)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002
        self._write(self._request)


class _Idle(asyncio.Protocol):
    """Takes whatever comes for a whole answer, and waits among the `idle` for its next turn."""

    def __init__(self, idle: list[Any]) -> None:
        self._idle = idle

    def connection_made(self, transport: Any) -> None:
        self._write = transport.write
        self._idle.append(self._write)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002
        self._idle.append(self._write)


class _Parsed(asyncio.Protocol):
    """Resolves a future at the end of each answer."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def send(self, request: bytes) -> asyncio.Future[None]:
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answered

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if not self._answered.done():
            self._answered.set_result(None)


async def _user(host: str, port: int, request: bytes, latencies: list[int], until_ns: int) -> None:
    _, protocol = await asyncio.get_running_loop().create_connection(_Parsed, host, port)
    while (began := time.perf_counter_ns()) < until_ns:
        await protocol.send(request)
        latencies.append(time.perf_counter_ns() - began)


async def _keep(url: str, connections: int, seconds: float, rate: float) -> None:
    """Write a request every 1/`rate` seconds on a connection that is idle; where none is, the request is left out."""
    parts, request = _asked(url)
    loop, idle, due = asyncio.get_running_loop(), list[Any](), 0
    for _ in range(connections):
        await loop.create_connection(lambda: _Idle(idle), parts.hostname or "", parts.port or 80)
    clock = LoopClock(loop)
    begin_ns, interval_ns = clock.now(), 1e9 / rate

    def arrive(_argument: object) -> None:
        nonlocal due
        now = clock.now()
        while (at_ns := begin_ns + round(due * interval_ns)) <= now:
            due += 1
            if idle:
                idle.pop()(request)
        clock.at(at_ns, arrive)

    arrive(None)
    await asyncio.sleep(seconds)
    clock.close()


def _asked(url: str) -> tuple[SplitResult, bytes]:
    parts = urlsplit(url)
    return parts, f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()


async def _drive(url: str, connections: int, seconds: float, *, parsed: bool) -> None:
    parts, request = _asked(url)
    host, port = parts.hostname or "", parts.port or 80
    if parsed:
        latencies: list[int] = []
        until_ns = time.perf_counter_ns() + round(seconds * 1e9)
        await asyncio.gather(*(_user(host, port, request, latencies, until_ns) for _ in range(connections)))
        return
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(lambda: _Unread(request), host, port) for _ in range(connections)]
    await asyncio.sleep(seconds)
    for transport, _ in opened:
        transport.abort()


if __name__ == "__main__":
    _url, _connections, _seconds, *_rest = sys.argv[1:]
    if _rest and _rest[0] != "--parsed":
        uvloop.run(_keep(_url, int(_connections), float(_seconds), float(_rest[0])))
    else:
        uvloop.run(_drive(_url, int(_connections), float(_seconds), parsed=bool(_rest)))
