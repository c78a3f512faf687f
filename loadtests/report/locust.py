"""What a locustfile's users did, for the page: how many, what went wrong in them, and what its times mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtests.report.block import Line, Table
from loadtests.report.chart import Drawn
from loadtests.report.wording import Figure, count
from loadtests.result.run import ScenarioRun, pooled
from loadtests.result.window import CPU_WARNINGS, TASK_ERRORS, UNTIMED, Tally

__all__ = ["MEANING", "LocustFacts", "users_of_locust"]

MEANING = (
    "Closed model: a user sends its next request only after the last was answered. Times run from the send, so while "
    "the target is slow fewer requests are made, and what those would have waited is in no figure here."
)


@dataclass(frozen=True, slots=True)
class LocustFacts:
    """`users` is the most that ran at once; `errors` are tasks that an exception of the locustfile's own ended."""

    locustfile: str
    users: Figure
    errors: Figure
    untimed: Figure
    warnings: Figure

    key = "locust"
    tables: Sequence[Table] = ()
    charts: Sequence[Drawn] = ()

    @property
    def meaning(self) -> str:
        """How its latencies are to be read."""
        return MEANING

    @property
    def lines(self) -> Sequence[Line]:
        """The users, and how to read their times."""
        parts = [f"{self.locustfile}: at most {self.users.text} users at once"]
        parts += [f"{self.errors.text} tasks ended by an exception"] if self.errors.value else []
        parts += [f"{self.untimed.text} requests without a response time"] if self.untimed.value else []
        return [Line(self.key, ", ".join(parts)), Line("model", self.meaning)]

    def document(self) -> Mapping[str, Any]:
        """Its part of report.json."""
        return {
            "locustfile": self.locustfile,
            "users": self.users.value,
            "task_errors": self.errors.value,
            "untimed_requests": self.untimed.value,
            "cpu_warnings": self.warnings.value,
        }


def users_of_locust(run: ScenarioRun) -> LocustFacts | None:
    """The facts of a locust scenario; none of another."""
    if run.scenario.driver != "locust":
        return None
    generator = {second: Tally.merge(found) for second, found in run.generator_by_second().items()}
    steady = pooled(generator, run.seconds())
    return LocustFacts(
        locustfile=run.scenario.locust.locustfile,
        users=count(max((tally.count("in_flight") for tally in generator.values()), default=0)),
        errors=count(steady.count(TASK_ERRORS)),
        untimed=count(steady.count(UNTIMED)),
        warnings=count(steady.count(CPU_WARNINGS)),
    )
