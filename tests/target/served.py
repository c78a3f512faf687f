"""A target in a process of its own, for tests that need its sockets."""

import selectors
import socket
import struct
import subprocess
import sys
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

__all__ = ["UPGRADE", "Target", "close_code", "frame"]

UPGRADE = (
    b"GET /ws%s HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: keep-alive, Upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Target:
    """A target in a process of its own; its dial is turned over HTTP."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "loadtests", "target", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            assert selector.select(timeout=20), "the target did not get ready"
        self.port = int(self.process.stdout.readline().rpartition(":")[2])
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}")

    def open(self, query: str = "", **how: Any) -> ClientConnection:
        how = {"compression": None, "ping_interval": None, "close_timeout": 5, "open_timeout": 10, **how}
        return connect(f"ws://127.0.0.1:{self.port}/ws{query}", **how)

    def raw(self, query: bytes = b"") -> socket.socket:
        """A connection past its handshake, with nothing between the test and the bytes."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        client.sendall(UPGRADE % query)
        assert client.recv(4096).startswith(b"HTTP/1.1 101 ")
        return client

    def dial(self, sockets: object = None, *, agents: object = None) -> None:
        reply = self.http.put("/api/admin/faults", json={"sockets": sockets, "agents": agents})
        assert reply.status_code == 200, reply.text

    def counted(self, part: str = "sockets") -> dict[str, int]:
        return self.http.get("/api/admin/faults").json()["counted"][part]

    def metric(self, name: str) -> float:
        lines = self.http.get("/metrics").text.splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))

    def agents(self) -> dict[str, Any]:
        """What waits, runs and has ended."""
        return self.http.get("/api/agent/queue-status").json()

    def end(self) -> None:
        self.http.close()
        self.process.kill()
        self.process.communicate()


def frame(opcode: int, data: bytes, *, fin: int = 0x80, masked: int = 0x80) -> bytes:
    """A client's frame with a mask of zeros."""
    length = struct.pack("!B", masked | len(data)) if len(data) < 126 else struct.pack("!BQ", masked | 127, len(data))
    return bytes([fin | opcode]) + length + (b"\0\0\0\0" if masked else b"") + data


def close_code(client: socket.socket) -> int:
    """The code of the close frame the server ends with; it must be all that comes."""
    received = b""
    while piece := client.recv(65_536):
        received += piece
    assert received[0] == 0x88
    assert len(received) == received[1] + 2
    return int.from_bytes(received[2:4], "big")
