"""The cheapest target there can be: `python -m loadtests.target.mirror` answers everything at once and knows nothing.

It is what a generator is measured against, so that the limit found is the generator's. Requests are answered with
`{"ok":true}`, whatever they ask; a WebSocket upgrade is granted, and what is sent over it comes back. It prints its
port and serves until its standard input ends.
"""

import asyncio
import base64
import hashlib
import re
import resource
import sys
from typing import Any

__all__ = ["ANSWER", "Mirror", "main"]

ANSWER = b'{"ok":true}'
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
_UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_BLANK = b"\r\n\r\n"
_LENGTH = re.compile(rb"\ncontent-length:\s*(\d+)", re.IGNORECASE)
_KEY = re.compile(rb"\nsec-websocket-key:\s*(\S+)", re.IGNORECASE)
_CLOSE = 8


class Mirror(asyncio.Protocol):
    """One connection: HTTP/1.1 with bodies framed by their length, or WebSocket frames of at most 64 KiB."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._rest = b""
        self._take = self._requests

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._rest = self._take(self._rest + data if self._rest else data)

    def _requests(self, data: bytes) -> bytes:
        """Answer each whole request; the rest comes back."""
        while (end := data.find(_BLANK)) >= 0:
            head = data[: end + len(_BLANK)]
            key, length = _KEY.search(head), _LENGTH.search(head)
            if key is not None:
                accept = base64.b64encode(hashlib.sha1(key[1] + _GUID).digest())
                self._transport.write(_UPGRADED + accept + _BLANK)
                self._take = self._frames
                return self._frames(data[len(head) :])
            whole = len(head) + (int(length[1]) if length else 0)
            if len(data) < whole:
                break
            self._transport.write(_OK)
            data = data[whole:]
        return data

    def _frames(self, data: bytes) -> bytes:
        """Send each whole frame back, unmasked; the rest comes back."""
        while len(data) >= 6:
            size, at = data[1] & 0x7F, 2
            if size == 126:
                size, at = int.from_bytes(data[2:4], "big"), 4
            end = at + 4 + size
            if len(data) < end:
                break
            self._transport.write(bytes((data[0],)) + bytes((data[1] & 0x7F,)) + data[2:at] + _unmasked(data, at, size))
            if data[0] & 0x0F == _CLOSE:
                self._transport.close()
                return b""
            data = data[end:]
        return data


def _unmasked(data: bytes, at: int, size: int) -> bytes:
    mask = (data[at : at + 4] * (size // 4 + 1))[:size]
    payload = int.from_bytes(data[at + 4 : at + 4 + size], "big") ^ int.from_bytes(mask, "big")
    return payload.to_bytes(size, "big")


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Mirror, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    await orders.read()
    server.close()


def main() -> None:
    """Serve until standard input ends."""
    import uvloop

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(_serve())


if __name__ == "__main__":
    main()
