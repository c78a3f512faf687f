"""A protocol that writes past its event loop's buffers."""

import asyncio
import os
from typing import Any

__all__ = ["DirectProtocol"]


class DirectProtocol(asyncio.Protocol):
    """Sends at once where the kernel takes it.

    An event loop would put a write off until it has read everything that has come, and that time would count as the
    server's; so the socket is written to directly, and only the rest is left to the transport. Over TLS all of it is.
    """

    __slots__ = ("_behind", "_descriptor", "transport")

    def __init__(self) -> None:
        self.transport: Any = None
        self._descriptor = -1
        self._behind = False

    def attach(self, transport: Any, *, secure: bool) -> None:
        """There is a transport, with nothing to write yet."""
        self.transport, self._behind = transport, False
        self._descriptor = -1 if secure else transport.get_extra_info("socket").fileno()

    def detach(self) -> None:
        """The transport is closed, or about to be: its descriptor may soon be another's."""
        self._descriptor = -1

    def write(self, payload: bytes) -> None:
        """Send `payload` after whatever was written before."""
        sent = 0
        if self._behind:
            self._behind = self.transport.get_write_buffer_size() > 0
        if self._descriptor >= 0 and not self._behind:
            try:
                sent = os.write(self._descriptor, payload)
            except ConnectionError:  # the loop will tell, once it has read what the peer said before it broke off
                return
            except OSError:  # full: the transport will wait
                sent = 0
        if sent < len(payload):
            self._behind = True
            self.transport.write(payload[sent:])
