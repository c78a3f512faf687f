"""What the WebSocket truth server does to connections and messages: every k-th of them, exactly."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from benchmarks.accuracy.behaviour import Step

__all__ = ["WebsocketBehaviour", "hit"]


@dataclass(frozen=True, slots=True)
class WebsocketBehaviour:
    """`steps` of answers and of upgrades; every k-th connection is refused, dropped or silenced, every k-th message
    lost, answered twice, or answered after the next one; a message may go to all who are connected.
    """

    steps: tuple[Step, ...] = (Step(0),)
    upgrade_steps: tuple[Step, ...] = (Step(0),)
    refuse_every: int | None = None
    drop_every: int | None = None
    silent_every: int | None = None
    after_ns: int = 2 * 10**9
    reset: bool = False
    lose_every: int | None = None
    duplicate_every: int | None = None
    reorder_every: int | None = None
    broadcast: bool = False
    skip_copy_every: int | None = None
    push_every_ns: int = 0
    gap_every: int | None = None

    def to_wire(self) -> dict[str, Any]:
        """Plain data for JSON; `from_wire` reads it back equal."""
        return asdict(self)

    @classmethod
    def from_wire(cls, data: dict[str, Any]) -> Self:
        """The behaviour that `to_wire` wrote."""
        steps = {name: tuple(Step(**step) for step in data[name]) for name in ("steps", "upgrade_steps")}
        return cls(**{**data, **steps})


def hit(index: int, every: int | None) -> bool:
    """Whether the thing of that number (from 0) is one of every k-th: k-1, 2k-1, …"""
    return every is not None and index % every == every - 1
