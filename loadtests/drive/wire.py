"""What an engine process and its coordinator say to each other: length-prefixed msgpack frames over pipes.

    coordinator ▸ engine   job {…} · start {at_ns} · stop {}
    engine ▸ coordinator   ready {} · window {…} · failure {…} · done {…} · broken {error, arguments, reason}

The engine's frames are plain data, so that later the same ones can travel between machines.
"""

import asyncio
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import msgpack

__all__ = ["Frame", "Job", "encode", "read_frame"]

_LENGTH = struct.Struct(">I")

Frame = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Job:
    """All that an engine process needs: the resolved plan, which scenario, and which shard of it.

    `document` holds secrets in the clear; it goes through a pipe, never to disk.
    """

    document: Mapping[str, Any]
    source: str
    scenario: str
    process: str
    shard: int = 0
    shards: int = 1
    search_path: list[str] = field(default_factory=list)

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
        kind, payload = msgpack.unpackb(await stream.readexactly(length), strict_map_key=False)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return kind, payload
