"""The agents of the reference backend: for now one, which triages a query and computes savings in place."""

import os
import time
from dataclasses import dataclass

from loadtests.target.metrics import Metrics
from loadtests.target.savings import Savings, savings_of

__all__ = ["AGENT", "Agents", "Execution"]

AGENT = "TriageSubAgent"


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution that completed."""

    run_id: str
    savings: Savings
    duration_ns: int


class Agents:
    """Executes queries and counts them; keeps no history, so its memory stays flat.

    There is no queue yet: an execution takes microseconds, runs at once and never waits, and the status says so.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._prefix = f"run_{time.time_ns():x}_{os.getpid():x}"
        self.completed = 0

    def execute(self, user: int, query: str) -> Execution:
        """Answer one query; run ids are unique across restarts."""
        started = time.perf_counter_ns()
        savings = savings_of(user, query)
        self.completed += 1
        duration_ns = time.perf_counter_ns() - started
        self._metrics.executed(AGENT, duration_ns / 1e9, savings)
        return Execution(f"{self._prefix}_{self.completed}", savings, duration_ns)

    def status(self) -> dict[str, int]:
        """What waits, what runs, what has ended."""
        return {"queued": 0, "running": 0, "completed": self.completed, "failed": 0}

    def clear(self) -> int:
        """Drop what is queued; the number dropped, which is none."""
        return 0
