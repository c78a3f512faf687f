"""The opening handshake of RFC 6455: the request that asks for the upgrade, and whether the answer grants it."""

import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from loadtests.drive.drivers.failure import Failure
from loadtests.drive.drivers.http.answer import Head
from loadtests.drive.drivers.websocket.deflate import OFFER, Deflate
from loadtests.plan.data import row
from loadtests.plan.model import Feeder
from loadtests.plan.protocol.websocket import WebsocketSettings
from loadtests.plan.template import Template, names_in

__all__ = ["HEAD_LIMIT", "Endpoint", "Granted", "new_key"]

HEAD_LIMIT = 16_384
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_PORTS = {"ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Granted:
    """What the server agreed to."""

    deflate: Deflate | None


class Endpoint:
    """Where connections go and what each asks for."""

    def __init__(self, address: str, settings: WebsocketSettings, data: Mapping[str, Feeder]) -> None:
        self.url = _joined(address, settings.path)
        parts = urlsplit(self.url)
        self.secure = parts.scheme == "wss"
        self.host = parts.hostname or ""
        self.port = parts.port or _PORTS[parts.scheme]
        self._settings, self._data = settings, data
        self._resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._authority = parts.netloc.rpartition("@")[2]
        headers = dict(settings.headers)
        if settings.bearer is not None:
            headers["authorization"] = f"Bearer {settings.bearer}"
        self._headers = Template.of("".join(f"{name}: {value}\r\n" for name, value in headers.items()))
        self._names = sorted(names_in(headers))

    def request(self, key: str, number: int) -> bytes:
        """The upgrade request of connection `number`."""
        extra = self._headers.render(row(self._data, self._names, number))
        if self._settings.subprotocols:
            extra += f"Sec-WebSocket-Protocol: {', '.join(self._settings.subprotocols)}\r\n"
        if self._settings.compression:
            extra += f"Sec-WebSocket-Extensions: {OFFER}\r\n"
        return (
            f"GET {self._resource} HTTP/1.1\r\nHost: {self._authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{extra}\r\n"
        ).encode()

    def examined(self, raw: bytes, key: str) -> Granted | Failure:
        """What the head of the answer grants, or how the attempt failed."""
        try:
            head = Head.of(raw)
        except (ValueError, IndexError):
            return Failure("protocol", f"the answer to the upgrade is no HTTP: {raw[:60]!r}")
        if head.status != 101:
            kind = f"status_{head.status // 100}xx" if head.status >= 300 else "upgrade"
            return Failure(kind, f"status {head.status} instead of an upgrade")
        accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()
        if (head.get("upgrade") or "").lower() != "websocket" or head.get("sec-websocket-accept") != accept:
            return Failure("protocol", "status 101 without a valid upgrade: wrong Upgrade or Sec-WebSocket-Accept")
        return self._subprotocol_fault(head.get("sec-websocket-protocol")) or self._extensions(head)

    def _subprotocol_fault(self, chosen: str | None) -> Failure | None:
        asked = self._settings.subprotocols
        if chosen is None and asked:
            return Failure("upgrade", f"the server took none of the subprotocols {', '.join(asked)}")
        if chosen is not None and chosen not in asked:
            return Failure("protocol", f"the server chose the subprotocol {chosen[:60]}, which was not asked for")
        return None

    def _extensions(self, head: Head) -> Granted | Failure:
        answer = head.get("sec-websocket-extensions")
        if answer is None:
            return Granted(None)
        if not self._settings.compression:
            return Failure("protocol", "the server chose an extension that was not asked for")
        try:
            return Granted(Deflate.settled(answer))
        except ValueError as error:
            return Failure("protocol", str(error))


def new_key() -> str:
    """A fresh `Sec-WebSocket-Key`."""
    return base64.b64encode(os.urandom(16)).decode()


def _joined(address: str, path: str) -> str:
    """The target's address with the scenario's path or query behind it."""
    base, _, fixed = address.partition("?")
    route, _, asked = path.partition("?")
    query = "&".join(part for part in (fixed, asked) if part)
    return (base.rstrip("/") + route if route else base) + (f"?{query}" if query else "")
