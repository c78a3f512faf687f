"""What the event loop's transports cannot be asked for: a reset, and whether the peer of an unread one has gone."""

import asyncio
import os
import socket
import struct

__all__ = ["peer_has_left", "reset"]

_LINGER_ZERO = struct.pack("ii", 1, 0)
_TCP_INFO = getattr(socket, "TCP_INFO", None)
_TCP_LEFT = (7, 8)
"""The states CLOSE and CLOSE_WAIT, first byte of Linux's `struct tcp_info`."""


def reset(transport: asyncio.Transport) -> None:
    """Close with a lingering time of zero: the kernel drops what is unsent and sends RST instead of FIN."""
    if transport.is_closing():
        return
    with _kernel_socket(transport) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()


def peer_has_left(transport: asyncio.Transport) -> bool:
    """Whether the peer has closed its side, told without reading; where the kernel cannot tell, never."""
    if transport.is_closing() or _TCP_INFO is None:
        return False
    with _kernel_socket(transport) as client:
        return client.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 1)[0] in _TCP_LEFT


def _kernel_socket(transport: asyncio.Transport) -> socket.socket:
    return socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
