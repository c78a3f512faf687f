"""The mirror answers any request, and sends any WebSocket frame back, at any boundary of reads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import websockets

from loadtests.target.mirror import Mirror


@asynccontextmanager
async def mirror() -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(Mirror, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def test_any_request_is_answered() -> None:
    async def ask() -> list[object]:
        async with mirror() as port, httpx.AsyncClient() as client:
            url = f"http://127.0.0.1:{port}/any"
            answers = [await client.get(url), await client.post(url, json={"a": "b" * 5000}), await client.get(url)]
            return [answer.json() for answer in answers]

    assert asyncio.run(ask()) == [{"ok": True}] * 3


@pytest.mark.parametrize("size", [0, 1, 5, 125, 126, 4000])
def test_what_is_sent_over_a_websocket_comes_back(size: int) -> None:
    async def talk() -> list[object]:
        async with mirror() as port, websockets.connect(f"ws://127.0.0.1:{port}/", compression=None) as connection:
            await connection.send("x" * size)
            await connection.send(b"\x00\xff" * size)
            return [await connection.recv(), await connection.recv()]

    assert asyncio.run(talk()) == ["x" * size, b"\x00\xff" * size]


def test_requests_are_told_apart_at_any_boundary() -> None:
    """Two requests, one with a body, sent byte by byte."""

    async def trickle() -> bytes:
        async with mirror() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for byte in b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n":
                writer.write(bytes([byte]))
                await writer.drain()
            writer.write_eof()
            answers = await reader.read()
            writer.close()
            return answers

    assert asyncio.run(trickle()).count(b"HTTP/1.1 200 OK") == 2
