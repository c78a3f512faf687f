"""What the WebSocket truth server does to connections and messages: every k-th of them, exactly."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from benchmarks.accuracy.behaviour import Behaviour, Stall, Step

__all__ = ["WebsocketBehaviour", "hit"]


@dataclass(frozen=True, slots=True)
class WebsocketBehaviour:
    """`steps` of answers and of upgrades; every k-th connection is refused, dropped or silenced, every k-th message
    lost, answered twice, answered after the next one, or (one of the first `late_rows`) after `late_ns`; a message may
    go to all who are connected. In the `stall` answers stand still, as in `Behaviour`.
    """

    steps: tuple[Step, ...] = (Step(0),)
    upgrade_steps: tuple[Step, ...] = (Step(0),)
    refuse_every: int | None = None
    drop_every: int | None = None
    silent_every: int | None = None
    after_ns: int = 2 * 10**9
    reset: bool = False
    stall: Stall | None = None
    lose_every: int | None = None
    late_every: int | None = None
    late_ns: int = 0
    late_rows: int = 0
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
        stall = None if data["stall"] is None else Stall(**data["stall"])
        return cls(**{**data, **steps, "stall": stall})

    @property
    def answers(self) -> Behaviour:
        """When messages that are answered are."""
        return Behaviour(self.steps, stall=self.stall)


def hit(index: int, every: int | None) -> bool:
    """Whether the thing of that number (from 0) is one of every k-th: k-1, 2k-1, …"""
    return every is not None and index % every == every - 1
