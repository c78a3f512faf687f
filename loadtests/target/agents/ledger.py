"""The books of the agents: what began, how it ended, how long its phases took; in counts, metrics and the log.

    completed   it has its result              failed      the provider or the target failed it
    timed out   it ran into its own limit      cancelled   who asked went away, or was cut off by the dial

Every execution that began ends as exactly one of these. Nothing is kept of a single one, so memory stays flat; with a
database, `archive` stores each.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from loadtests.target.agents.archive import Archive
from loadtests.target.agents.question import Question
from loadtests.target.agents.result import AGENT, Result
from loadtests.target.logs import Category, Log
from loadtests.target.metrics import Metrics

__all__ = ["Asker", "Ledger", "Outcome", "Run"]

Outcome = Literal["completed", "failed", "timed_out", "cancelled"]
_STORED_AS = {"failed": "failed", "timed_out": "timeout", "cancelled": "cancelled"}


class Asker(Protocol):
    """Who wants something executed, as the log names it."""

    user_id: str | None
    thread_id: str | None

    @property
    def trace_id(self) -> str:
        """The trace it belongs to."""


@dataclass(slots=True)
class Run:
    """What is known of one execution when it has ended; `began_s` is Unix time."""

    question: Question
    result: Result
    asker: Asker
    began_s: float
    duration_ns: int = 0
    queued_ns: int = 0
    tokens: int = 0
    phases_ns: dict[str, int] = field(default_factory=dict)


class Ledger:
    """Counts executions, and tells the metrics and the log about each."""

    def __init__(self, metrics: Metrics, log: Log) -> None:
        self._metrics, self._log = metrics, log
        self.counted: dict[Outcome, int] = {"completed": 0, "failed": 0, "timed_out": 0, "cancelled": 0}
        self.begun = 0
        self.archive: Archive | None = None
        """Where runs are stored; None when they are only counted."""

    def begin(self) -> int:
        """An execution begins; its number."""
        self.begun += 1
        self._metrics.begun(AGENT)
        return self.begun

    def phase(self, name: str, duration_ns: int) -> None:
        """A phase ended."""
        self._metrics.phase(name, duration_ns / 1e9)

    def provided(self, run: Run, first_ns: int | None, *, whole: bool) -> None:
        """The provider has sent what it will for this one; `first_ns` is its time to the first token, if one came."""
        self._metrics.provided(
            "success" if whole else "failure", run.tokens, None if first_ns is None else first_ns / 1e9
        )

    def completed(self, run: Run) -> None:
        """It has its result."""
        self.counted["completed"] += 1
        savings = run.result.savings
        self._metrics.executed(AGENT, run.duration_ns / 1e9, savings)
        if self.archive is not None:
            self.archive.add(run, "completed")
        if self._log.on:
            about = {"optimization_type": savings.optimization, "savings_amount": savings.cents / 100}
            self._tell(run, "agent execution completed", (Category.BUSINESS, "INFO"), about)

    def ended(self, run: Run, outcome: Outcome, reason: str) -> None:
        """It has none."""
        self.counted[outcome] += 1
        self._metrics.ended(AGENT, run.duration_ns / 1e9, outcome)
        if self.archive is not None:
            self.archive.add(run, _STORED_AS[outcome])
        if self._log.on:
            level = "INFO" if outcome == "cancelled" else "ERROR"
            category = Category.SYSTEM if outcome == "cancelled" else Category.ERROR
            words = f"agent execution {outcome.replace('_', ' ')}"
            self._tell(run, words, (category, level), {"reason": reason})

    def _tell(self, run: Run, message: str, kind: tuple[Category, str], about: dict[str, object]) -> None:
        category, level = kind
        times = {"phases_ms": {name: ns / 1e6 for name, ns in run.phases_ns.items()}} if run.phases_ns else {}
        self._log.event(
            category,
            message,
            component="agent_service",
            level=level,
            trace_id=run.asker.trace_id,
            user_id=run.asker.user_id,
            thread_id=run.asker.thread_id,
            duration_ms=run.duration_ns / 1e6,
            metadata={"agent_name": AGENT, **about, **times, "run_id": run.result.run_id},
        )
