"""What an engine process and its coordinator say to each other: length-prefixed msgpack frames over pipes.

    coordinator ▸ engine   job {…} · start {at_ns} · stop {}
    engine ▸ coordinator   ready {} · window {…} · failure {…} · done {…} · broken {error, arguments, reason}

The frames are plain data: the same ones travel between machines (see `loadtests.swarm`).
"""

import asyncio
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO, Self

import msgpack

__all__ = ["ENGINE", "LOCUST_ENGINE", "Frame", "Job", "encode", "next_frame", "read_frame"]

_LENGTH = struct.Struct(">I")

Frame = tuple[str, dict[str, Any]]

ENGINE = "loadtests.drive.process"
LOCUST_ENGINE = "loadtests.swarm.locust_process"
"""The programs an engine process may be: ours, or Locust's users with our recorder, which no module here imports."""


@dataclass(frozen=True, slots=True)
class Job:
    """All that an engine process needs: the resolved plan, which scenario, and which shard of it.

    `document` holds secrets in the clear; it goes through a pipe, never to disk. `program` is the module that the
    engine process runs.
    """

    document: Mapping[str, Any]
    source: str
    scenario: str
    process: str
    shard: int = 0
    shards: int = 1
    search_path: list[str] = field(default_factory=list)
    program: str = ENGINE

    def to_wire(self) -> dict[str, Any]:
        """Plain data for msgpack."""
        return asdict(self)

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Self:
        """The job that `to_wire` wrote."""
        return cls(**data)


def encode(kind: str, payload: Mapping[str, Any]) -> bytes:
    """One frame as bytes."""
    packed: bytes = msgpack.packb([kind, payload])
    return _LENGTH.pack(len(packed)) + packed


async def read_frame(stream: asyncio.StreamReader) -> Frame | None:
    """The next frame, or `None` at the end of the stream (also when it ends within a frame: the peer died)."""
    try:
        (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
        return _decode(await stream.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def next_frame(stream: BinaryIO) -> Frame | None:
    """As `read_frame`, from a file whose `read(n)` waits for all n bytes unless the end comes first."""
    try:
        head = stream.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack(head)
        body = stream.read(length)
    except OSError:
        return None
    return _decode(body) if len(body) == length else None


def _decode(body: bytes) -> Frame:
    kind, payload = msgpack.unpackb(body, strict_map_key=False)
    return kind, payload
