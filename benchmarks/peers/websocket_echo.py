"""An echo server on picows, and the libraries' own clients without any measurement, one process each.

    python -m benchmarks.peers.websocket_echo server
    python -m benchmarks.peers.websocket_echo picows|websockets URL CONNECTIONS SECONDS

The server prints its port. A client opens the connections, then (SECONDS > 0) answers each echo with the next message;
it prints JSON: connections opened a second, bytes of memory each, messages a second, CPU seconds a message.
"""

import asyncio
import json
import resource
import sys
import time
from typing import Any

import picows
import psutil
import uvloop
import websockets

__all__ = ["main"]

_MESSAGE = b'{"id":"12345","text":"hello world"}'
_AT_ONCE = 200


class _Echo(picows.WSListener):
    """Sends back what comes; with `count` a client that sends again what it gets."""

    def __init__(self, count: list[int] | None = None) -> None:
        self._count = count

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(picows.WSCloseCode.OK)
            transport.disconnect()
            return
        if self._count is not None:
            self._count[0] += 1
        transport.send(frame.msg_type, frame.get_payload_as_bytes())


async def _serve() -> None:
    server = await picows.ws_create_server(lambda _: _Echo(), "127.0.0.1", 0, backlog=4096, read_buffer_init_size=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _picows(url: str, count: list[int]) -> Any:
    transport, _ = await picows.ws_connect(lambda: _Echo(count), url, read_buffer_init_size=2048)
    return lambda: transport.send(picows.WSMsgType.TEXT, _MESSAGE)


async def _websockets(url: str, count: list[int]) -> Any:
    connection = await websockets.connect(url, compression=None, ping_interval=None, max_queue=None)

    async def talk() -> None:
        await connection.send(_MESSAGE.decode())
        async for message in connection:
            count[0] += 1
            await connection.send(message)

    return lambda: asyncio.ensure_future(talk())


async def _load(tool: str, url: str, connections: int, seconds: float) -> None:
    connect = {"picows": _picows, "websockets": _websockets}[tool]
    process, count, room = psutil.Process(), [0], asyncio.Semaphore(_AT_ONCE)
    before, began = process.memory_info().rss, time.monotonic()

    async def one() -> Any:
        async with room:
            return await connect(url, count)

    starts = await asyncio.gather(*(one() for _ in range(connections)))
    took, memory = time.monotonic() - began, process.memory_info().rss - before
    found = {"opened_per_s": connections / took, "bytes_each": memory / connections}
    if seconds:
        tasks = [start() for start in starts]
        await asyncio.sleep(1)
        messages, cpu, at = count[0], time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        done, took = count[0] - messages, time.monotonic() - at
        found |= {"messages_per_s": done / took, "cpu_s": (time.process_time() - cpu) / max(1, done)}
        assert len(tasks) == connections
    print(json.dumps(found), flush=True)


def main() -> None:
    """Serve, or load."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if sys.argv[1] == "server":
        uvloop.run(_serve())
    else:
        tool, url, connections, seconds = sys.argv[1:]
        uvloop.run(_load(tool, url, int(connections), float(seconds)))


if __name__ == "__main__":
    main()
