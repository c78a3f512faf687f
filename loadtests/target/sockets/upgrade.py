"""The opening handshake of a socket, as far as it is HTTP: what was asked, and the answer.

`websockets` validates and answers any upgrade, in 90 µs. The plainest kind, which load generators send by the
thousand, is answered here in 18 µs: one key, version 13, no extensions and no subprotocols. All else, and all that is
wrong, is left to the library.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.utils import accept_key

from loadtests.target.sockets.connection import MESSAGE_LIMIT

__all__ = ["Accepted", "Refusal", "Upgrade"]

_SUBPROTOCOL = Subprotocol("netra.v1")
_NEGOTIATED = (b"sec-websocket-extensions", b"sec-websocket-protocol")
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_LOGGER = logging.getLogger("uvicorn.error")
_DEFLATE = (
    ServerPerMessageDeflateFactory(
        server_max_window_bits=12, client_max_window_bits=12, compress_settings={"memLevel": 5}
    ),
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer 101 as bytes, and the protocol of the open connection."""

    head: bytes
    wire: ServerProtocol


@dataclass(frozen=True, slots=True)
class Refusal:
    """Any other answer."""

    status: int
    answer: bytes


class Upgrade:
    """A request for an upgrade, read by the HTTP server: `target` is path and query, names are in lower case."""

    __slots__ = ("headers", "target")

    def __init__(self, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.target = target.decode("latin-1")
        self.headers = headers

    @property
    def query(self) -> str:
        """What follows the question mark."""
        return self.target.partition("?")[2]

    @property
    def traceparent(self) -> str | None:
        """The caller's trace, if it names one."""
        for name, value in self.headers:
            if name == b"traceparent":
                return value.decode("latin-1")
        return None

    def accept(self) -> Accepted | Refusal:
        """The handshake's outcome."""
        wire = _new_wire()
        key = self._plain_key()
        if key is not None:
            return Accepted(_head(key), wire)
        names = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers]
        response = wire.accept(Request(self.target, Headers(names)))
        if response.status_code == 101:
            return Accepted(response.serialize(), wire)
        return _refusal(response)

    def reject(self, status: int, reason: str) -> Refusal:
        """The upgrade is answered `status` and a line of text."""
        return _refusal(_new_wire().reject(status, f"{reason}\n"))

    def _plain_key(self) -> str | None:
        """The key of a plain upgrade; None for any other. That it is an upgrade the HTTP server has seen."""
        keys = [value for name, value in self.headers if name == b"sec-websocket-key"]
        versions = [value for name, value in self.headers if name == b"sec-websocket-version"]
        if versions != [b"13"] or len(keys) != 1 or any(name in _NEGOTIATED for name, _ in self.headers):
            return None
        return keys[0].decode() if _KEY.fullmatch(keys[0]) else None


def _new_wire() -> ServerProtocol:
    """Beyond its handshake, which it would read itself from bytes."""
    return ServerProtocol(
        state=OPEN,
        extensions=_DEFLATE,
        subprotocols=(_SUBPROTOCOL,),
        select_subprotocol=_select,
        max_size=MESSAGE_LIMIT,
        logger=_LOGGER,
    )


def _select(_wire: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return _SUBPROTOCOL if _SUBPROTOCOL in offered else None


def _head(key: str) -> bytes:
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
    ).encode()


def _refusal(response: Response) -> Refusal:
    return Refusal(response.status_code, response.serialize())
