"""What the database truth server does: statement n sleeps by the law, and one thing happens to all in the middle."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from benchmarks.accuracy.behaviour import MS, Step

__all__ = ["ACTS", "DatabaseBehaviour"]

ACTS = ("lock", "restart", "terminate")


@dataclass(frozen=True, slots=True)
class DatabaseBehaviour:
    """`steps` as of the HTTP server, by the statement's number n from 1; every `error_every`-th divides by zero.

    `act` happens `after_ns` after the first statement came: the table is locked for `length_ns`, the server is away
    for `length_ns`, or all sessions are ended.
    """

    steps: tuple[Step, ...] = (Step(5 * MS),)
    error_every: int | None = None
    act: str | None = None
    after_ns: int = 0
    length_ns: int = 0

    def to_wire(self) -> dict[str, Any]:
        """Plain data for JSON; `from_wire` reads it back equal."""
        return asdict(self)

    @classmethod
    def from_wire(cls, data: dict[str, Any]) -> Self:
        """The behaviour that `to_wire` wrote."""
        return cls(**{**data, "steps": tuple(Step(**step) for step in data["steps"])})
