"""What the agents' truth server does: when each token leaves, and what befalls every k-th execution, exactly."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from benchmarks.accuracy.behaviour import MS, Step

__all__ = ["AgentBehaviour", "Fate"]

Fate = Literal["good", "cut", "malformed", "hung", "html", "refused", "error", "wrong", "mixed"]
"""What an execution comes to; `wrong` and `mixed` are answered in time, with a wrong sum or as another user's."""


@dataclass(frozen=True, slots=True)
class AgentBehaviour:
    """The first token comes after one of `steps` (evenly strewn), then one every `gap_ns` until there were `tokens`.

    With `api` answer there are no tokens: the answer comes when the last token would have. A hung execution stops
    half-way, a cut one is reset there. `fates` says which k-th executions (k-1, 2k-1, …) come to what.
    """

    steps: tuple[Step, ...] = (Step(100 * MS),)
    gap_ns: int = 20 * MS
    tokens: int = 50
    api: Literal["stream", "openai", "answer"] = "stream"
    fates: tuple[tuple[Fate, int], ...] = ()

    def fate(self, number: int) -> Fate:
        """What execution `number` (from 0) comes to; the first fate that claims it."""
        return next((fate for fate, every in self.fates if number % every == every - 1), "good")

    def to_wire(self) -> dict[str, Any]:
        """Plain data for JSON; `from_wire` reads it back equal."""
        return asdict(self)

    @classmethod
    def from_wire(cls, data: dict[str, Any]) -> Self:
        """The behaviour that `to_wire` wrote."""
        steps = tuple(Step(**step) for step in data["steps"])
        return cls(**{**data, "steps": steps, "fates": tuple((fate, every) for fate, every in data["fates"])})
