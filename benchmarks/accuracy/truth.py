"""What must be reported, computed from the schedule and the server's law: no clock, no network, no generator.

An ideal generator sends each execution at the instant the load model means, and the answer takes no time on the way.
What a real one reports may differ by the machine's own microseconds, for which the tolerance is there.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.behaviour import Answering, Behaviour, Ending
from benchmarks.accuracy.ledger import IntArray, rank_value

__all__ = ["Executions", "closed", "open_model"]


@dataclass(frozen=True, slots=True)
class Executions:
    """One row per execution, ns after the start; a dropped one has `ended_ns` equal to `intended_ns`."""

    intended_ns: IntArray
    sent_ns: IntArray
    ended_ns: IntArray
    ending: IntArray

    @classmethod
    def of(cls, rows: Iterable[tuple[int, int, int, int]]) -> "Executions":
        """From rows of (intended, sent, ended, ending)."""
        table = np.array(list(rows), np.int64).reshape(-1, 4)
        return cls(table[:, 0], table[:, 1], table[:, 2], table[:, 3])

    def due_in(self, begin_ns: int, end_ns: int) -> "Executions":
        """Those with an intended start in [begin, end)."""
        return self._where((self.intended_ns >= begin_ns) & (self.intended_ns < end_ns))

    def ended(self, *endings: Ending) -> "Executions":
        """Those that ended in one of these ways."""
        return self._where(np.isin(self.ending, endings))

    def response_ns(self, quantile: float) -> int:
        """From intended start to end, at that quantile."""
        return rank_value(self.ended_ns - self.intended_ns, quantile)

    def service_ns(self, quantile: float) -> int:
        """From the actual send to the end, at that quantile."""
        return rank_value(self.ended_ns - self.sent_ns, quantile)

    def __len__(self) -> int:
        return len(self.intended_ns)

    def _where(self, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> "Executions":
        return Executions(self.intended_ns[chosen], self.sent_ns[chosen], self.ended_ns[chosen], self.ending[chosen])


def open_model(behaviour: Behaviour, due_ns: Iterable[int], *, room: int) -> Executions:
    """Arrivals are sent when due; one that finds `room` executions in flight is dropped."""
    answering, in_flight = Answering(behaviour), list[int]()
    rows: list[tuple[int, int, int, int]] = []
    for due in due_ns:
        while in_flight and in_flight[0] <= due:
            heapq.heappop(in_flight)
        if len(in_flight) >= room:
            rows.append((due, due, due, Ending.DROPPED))
            continue
        answered, ending = answering.answer(due)
        heapq.heappush(in_flight, answered)
        rows.append((due, due, answered, ending))
    return Executions.of(rows)


def closed(
    behaviour: Behaviour, users: int, *, duration_ns: int, spawn_rate: float, pacing_ns: int | None = None
) -> Executions:
    """Each user sends when answered; with pacing, starts are meant on the user's own grid and none is skipped.

    User u starts at u / `spawn_rate`. Nothing is sent at or after `duration_ns`.
    """
    answering = Answering(behaviour)
    first = [round(user / spawn_rate * 1e9) for user in range(users)]
    ready = [(at, user, at) for user, at in enumerate(first)]
    heapq.heapify(ready)
    rows: list[tuple[int, int, int, int]] = []
    while ready:
        sent, user, intended = heapq.heappop(ready)
        if sent >= duration_ns:
            continue
        answered, ending = answering.answer(sent)
        rows.append((intended, sent, answered, ending))
        following = answered if pacing_ns is None else intended + pacing_ns
        heapq.heappush(ready, (max(answered, following), user, following))
    return Executions.of(rows)
