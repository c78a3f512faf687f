"""The manifest of a run directory, `run.json`: what was run, where, and how it ended; and its other files' names.

Schema `loadtests.run/1`. History of versions:

    1   first
"""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from loadtests.result.run import Environment, ProcessEnd, RunStatus

__all__ = [
    "ERRORS",
    "HLOG",
    "MANIFEST",
    "SCHEMA",
    "WINDOWS",
    "EnvironmentEntry",
    "Manifest",
    "ProcessEntry",
    "ScenarioEntry",
    "ScenarioTotals",
]

SCHEMA: Literal["loadtests.run/1"] = "loadtests.run/1"

MANIFEST = "run.json"
HLOG = "windows.hlog"
WINDOWS = "windows.ndjson"
ERRORS = "errors.ndjson"


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True)


class EnvironmentEntry(_Entry):
    """`result.run.Environment`, as the file holds it."""

    machine: Mapping[str, str | int | float]
    versions: Mapping[str, str]

    @classmethod
    def of(cls, environment: Environment) -> Self:
        """The entry of a value."""
        return cls(machine=dict(environment.machine), versions=dict(environment.versions))

    def value(self) -> Environment:
        """The value of the entry."""
        return Environment(self.machine, self.versions)


class ProcessEntry(_Entry):
    """`result.run.ProcessEnd`, as the file holds it."""

    process: str
    clean: bool
    windows: int | None = None
    reason: str | None = None
    faults: Mapping[str, int] = Field(default_factory=dict)
    worker: str | None = None
    lost_s: float | None = None

    def value(self) -> ProcessEnd:
        """The value of the entry."""
        return ProcessEnd(self.process, self.clean, self.windows, self.reason, self.faults, self.worker, self.lost_s)


class ScenarioTotals(_Entry):
    """What was written for one scenario; `operations` holds the counters by operation, summed over all windows."""

    windows: int = 0
    failure_samples: int = 0
    failures_not_sampled: int = 0
    operations: Mapping[str, Mapping[str, int]] = Field(default_factory=dict)


class ScenarioEntry(_Entry):
    """One scenario. Until it ends, `status` is running, `processes` is empty and `totals` is `None`."""

    name: str
    started_at: str
    status: RunStatus = "running"
    ended_s: float | None = None
    stop_reason: str | None = None
    expected_processes: int
    processes: tuple[ProcessEntry, ...] = ()
    totals: ScenarioTotals | None = None


class Manifest(_Entry):
    """The whole file. `plan` is the resolved plan document with its secrets masked."""

    schema_name: Literal["loadtests.run/1"] = Field(default=SCHEMA, alias="schema")
    id: str
    started_at: str
    status: RunStatus
    build: str
    branch: str | None = None
    comparability: str
    plan: Mapping[str, Any]
    environment: EnvironmentEntry
    scenarios: tuple[ScenarioEntry, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The file's text."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"
