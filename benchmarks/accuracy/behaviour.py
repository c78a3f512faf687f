"""What the truth server does, as arithmetic: request n, received at r, is answered at one known instant.

    latency    L(n) walks through the steps in fixed proportions: exact over every whole period
    failures   every k-th answer is an error; every k-th answer is a reset (in turn before any byte, and half-way)
    stall      the server stands still from s to e (and so on every so often), and standing time does not count as work:
                   ready = r + L                  where the work is done by s
                   ready = r + L + (e - s)        where it had begun before s
                   ready = e + L                  where r lies in the stall
    gap        one answer at a time: answered(n) = max(answered(n - 1) + gap, ready(n))

The server applies this to the instants at which requests truly came in, `truth` to the instants of the schedule.
"""

from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, Self

__all__ = ["MS", "Answering", "Behaviour", "Ending", "S", "Stall", "Step", "evenly"]

MS = 1_000_000
S = 1_000_000_000


class Ending(IntEnum):
    """How an execution ends. `DROPPED` never reaches the server."""

    GOOD = 0
    ERROR = 1
    RESET = 2
    CUT = 3
    DROPPED = 4


@dataclass(frozen=True, slots=True)
class Step:
    """`count` answers of every period take `latency_ns`."""

    latency_ns: int
    count: int = 1


@dataclass(frozen=True, slots=True)
class Stall:
    """The server stands still for `length_ns`, `after_ns` after its first request, and again every `every_ns`."""

    after_ns: int
    length_ns: int
    every_ns: int | None = None

    def begin(self, first_ns: int, at_ns: int) -> int:
        """When the standstill begins that lasts at `at_ns`, or else the next; the last one where none follows.

        `first_ns` is the instant of the first request.
        """
        begin = first_ns + self.after_ns
        if self.every_ns is None or at_ns < begin + self.length_ns:
            return begin
        return begin + -(-(at_ns - begin - self.length_ns + 1) // self.every_ns) * self.every_ns


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The whole law of one server. `error_ns` is how long an error takes; `None` means: never."""

    steps: tuple[Step, ...]
    gap_ns: int = 0
    stall: Stall | None = None
    error_every: int | None = None
    error_ns: int = 0
    reset_every: int | None = None

    def to_wire(self) -> dict[str, Any]:
        """Plain data for JSON; `from_wire` reads it back equal."""
        return asdict(self)

    @classmethod
    def from_wire(cls, data: dict[str, Any]) -> Self:
        """The behaviour that `to_wire` wrote."""
        stall = None if data["stall"] is None else Stall(**data["stall"])
        return cls(**{**data, "steps": tuple(Step(**step) for step in data["steps"]), "stall": stall})

    @property
    def mean_ns(self) -> float:
        """Mean time of an answer without stall or queue."""
        good = sum(step.latency_ns * step.count for step in self.steps) / sum(step.count for step in self.steps)
        return good if self.error_every is None else good + (self.error_ns - good) / self.error_every

    def ending(self, index: int) -> Ending:
        """How request `index` ends."""
        if self.error_every is not None and index % self.error_every == self.error_every - 1:
            return Ending.ERROR
        if self.reset_every is not None and index % self.reset_every == self.reset_every - 1:
            return Ending.RESET if index // self.reset_every % 2 == 0 else Ending.CUT
        return Ending.GOOD


def evenly(steps: tuple[Step, ...]) -> tuple[int, ...]:
    """One period of latencies in ns, each step's answers spread over it as evenly as they can be."""
    placed = [((turn + 0.5) / step.count, step.latency_ns) for step in steps for turn in range(step.count)]
    return tuple(latency for _, latency in sorted(placed))


class Answering:
    """A server at work: give it the instants of receipt in order, and it says when and how each is answered."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._period = evenly(behaviour.steps)
        self._first_ns = 0
        self._last_ns: int | None = None
        self.count = 0

    def answer(self, received_ns: int) -> tuple[int, Ending]:
        """The instant (ns, same clock) at which the next request is answered, and how it ends."""
        behaviour, index = self._behaviour, self.count
        if index == 0:
            self._first_ns = received_ns
        self.count = index + 1
        ending = behaviour.ending(index)
        latency = behaviour.error_ns if ending is Ending.ERROR else self._period[index % len(self._period)]
        ready = self._worked(received_ns, latency)
        if behaviour.gap_ns and self._last_ns is not None:
            ready = max(ready, self._last_ns + behaviour.gap_ns)
        self._last_ns = ready
        return ready, ending

    def _worked(self, received_ns: int, latency_ns: int) -> int:
        """When `latency_ns` of work begun at `received_ns` is done; time in the stall is no work."""
        stall = self._behaviour.stall
        if stall is None:
            return received_ns + latency_ns
        begin = stall.begin(self._first_ns, received_ns)
        end = begin + stall.length_ns
        if begin <= received_ns < end:
            return end + latency_ns
        done = received_ns + latency_ns
        return done + (end - begin) if received_ns < begin < done else done
