"""An observer that keeps everything in memory, and the smallest plan it can watch."""

from collections.abc import Callable, Mapping

from loadtests.plan.loader import plan_from_document
from loadtests.plan.model import Plan
from loadtests.result.database import DatabaseNotes
from loadtests.result.run import FailureSample, ResourceSample
from loadtests.result.window import Tally, Window


class Memory:
    """An observer that keeps what it is told, and may act at a tick."""

    def __init__(self, at_tick: Callable[["Memory", float], str | None] = lambda _, __: None) -> None:
        self.windows: list[Window] = []
        self.failures: list[FailureSample] = []
        self.resources: list[ResourceSample] = []
        self.processes: Mapping[str, int] = {}
        self.at_tick = at_tick

    def started(self, processes: Mapping[str, int]) -> None:
        self.processes = processes

    def window(self, window: Window) -> None:
        self.windows.append(window)

    def failure(self, failure: FailureSample) -> None:
        self.failures.append(failure)

    def resource(self, sample: ResourceSample) -> None:
        self.resources.append(sample)

    def notes(self, notes: DatabaseNotes) -> None:
        self.said = notes

    def tick(self, elapsed_s: float) -> str | None:
        return self.at_tick(self, elapsed_s)

    def total(self) -> Tally:
        return Tally.merge(tally for window in self.windows for tally in window.operations.values())


def null_plan(rate: int = 400, seconds: float = 1, **operation: object) -> Plan:
    work = {"name": "work", "law": "5ms", **operation}
    load = {"rate": f"{rate}/s", "duration": f"{seconds}s"}
    scenario = {"driver": "null", "load": load, "operations": [work], "timeout": "1s"}
    return plan_from_document({"version": 1, "scenarios": {"s": scenario}}, source="test")
