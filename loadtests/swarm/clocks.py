"""The clock of another machine, told by round trips (Cristian 1989).

A worker's answer to a ping says what its clock showed at some instant between the ping and the pong. Taking the middle,
the error is at most half the round trip, so the shortest of several round trips is the one to believe.
"""

from collections import deque
from dataclasses import dataclass

__all__ = ["MOST_DRIFT_NS", "ClockTrack", "Reading"]

MOST_DRIFT_NS = 50_000_000
"""How far a clock may jump against the hub's, beyond what measuring it can err, before its worker is not believed."""
MOST_DRIFT_SHARE = 2e-4
"""How much faster or slower it may run besides: clocks of good machines stay within a quarter of that."""

_ENOUGH = 8
_FAIR_NS = 1_000_000
_RECENT = 32


@dataclass(frozen=True, slots=True)
class Reading:
    """What one round trip says: the worker's clock minus the hub's, give or take `error_ns`; `at_ns` by the hub's."""

    offset_ns: int
    error_ns: int
    at_ns: int


class ClockTrack:
    """One worker's clock: what is known of it, and whether it keeps to what was agreed on."""

    def __init__(self) -> None:
        self._recent: deque[Reading] = deque(maxlen=_RECENT)
        self._agreed: Reading | None = None

    def note(self, sent_ns: int, came_ns: int, worker_ns: int) -> None:
        """Take in a round trip."""
        error = (came_ns - sent_ns + 1) // 2
        self._recent.append(Reading(worker_ns - sent_ns - error, error, came_ns))

    @property
    def best(self) -> Reading | None:
        """The most certain of the latest readings."""
        return min(self._recent, key=lambda reading: reading.error_ns, default=None)

    @property
    def known(self) -> bool:
        """Whether enough round trips were made to trust the best."""
        best = self.best
        return best is not None and (len(self._recent) >= _ENOUGH or best.error_ns <= _FAIR_NS)

    def agree(self) -> Reading:
        """The reading that is gone by from now on."""
        best = self.best
        if best is None:
            raise ValueError("the clock was never read")
        self._agreed = best
        return best

    def moved_ns(self) -> int | None:
        """How far the clock has certainly moved since it was agreed on, by the latest reading; `None` when it kept."""
        if self._agreed is None or not self._recent:
            return None
        latest = self._recent[-1]
        by = latest.offset_ns - self._agreed.offset_ns
        allowed = MOST_DRIFT_NS + round(MOST_DRIFT_SHARE * (latest.at_ns - self._agreed.at_ns))
        return by if abs(by) > latest.error_ns + self._agreed.error_ns + allowed else None
