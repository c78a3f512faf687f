"""What the truth server truly did, request by request, so that the truth is the law *and* checked.

Instants are CLOCK_MONOTONIC ns. A server that answered later than its law (the machine was busy) is told from its
own notes, never from what the generator reports.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.behaviour import Ending

__all__ = ["IntArray", "Ledger", "rank_value"]

IntArray = NDArray[np.int64]
_SEED = 1
_DRAWS = 16


def rank_value(values: IntArray, quantile: float) -> int:
    """The observation at `quantile`: rank `quantile * n` rounded to the nearest, at least 1, as HdrHistogram counts."""
    rank = max(1, int(quantile * len(values) + 0.5))
    return int(np.partition(values, rank - 1)[rank - 1])


@dataclass(frozen=True, slots=True)
class Ledger:
    """One row per request in order of receipt. `sent_ns` is 0 where the client had gone before its answer.

    `strays` are requests for anything but the work (a probe before the run).
    """

    received_ns: IntArray
    due_ns: IntArray
    sent_ns: IntArray
    ending: IntArray
    strays: int = 0

    def save(self, path: Path) -> None:
        """Write to `path`; `load` reads it back equal."""
        np.savez(path, received=self.received_ns, due=self.due_ns, sent=self.sent_ns, ending=self.ending, s=self.strays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The ledger that `save` wrote."""
        with np.load(path) as found:
            return cls(found["received"], found["due"], found["sent"], found["ending"], int(found["s"]))

    def count(self, *endings: Ending) -> int:
        """Requests that ended in one of these ways; all of them when none is given."""
        return int(np.isin(self.ending, endings or tuple(Ending)).sum())

    def late_ns(self, quantile: float) -> int:
        """How much later than its law the server was, at that quantile."""
        answered = self.sent_ns > 0
        return rank_value((self.sent_ns - self.due_ns)[answered], quantile) if answered.any() else 0

    def own_error_ns(
        self, quantile: float, *endings: Ending, after_ns: int = 0, pauses: Sequence[IntArray] = ()
    ) -> int:
        """How much longer than its law the server took at that quantile of requests that ended in one of these ways.

        Only what came `after_ns` after its first request counts; all endings when none is given. Of each of `pauses`
        (ns, one for each chance to meet one) every request also takes one, drawn by chance from a fixed seed: what the
        machine adds outside the server, which does not know when.
        """
        chosen = (self.sent_ns > 0) & (self.received_ns >= self.received_ns[:1].sum() + after_ns)
        chosen &= np.isin(self.ending, endings or tuple(Ending))
        if not chosen.any():
            return 0
        took = (self.sent_ns - self.received_ns)[chosen]
        meant = (self.due_ns - self.received_ns)[chosen]
        return rank_value(_met(took, pauses), quantile) - rank_value(meant, quantile)


def _met(took: IntArray, pauses: Sequence[IntArray]) -> IntArray:
    """Every one of `took` several times over, each time with other pauses."""
    if not pauses:
        return took
    chance, many = np.random.default_rng(_SEED), np.repeat(took, _DRAWS)
    for pause in pauses:
        many += chance.choice(pause, len(many))
    return many
