"""The run directory: append-only while the run goes on, and readable after `kill -9` at any moment.

    run.json         the manifest; written beside and renamed at the start, at each scenario's begin and end, at the end
    windows.hlog     every histogram, as an HdrHistogram V2 log
    windows.ndjson   counters of each window, samples of resources
    errors.ndjson    samples of failures, at most 20 per scenario, operation and kind

A window is there when its line in `windows.ndjson` and all its lines in `windows.hlog` are: the log is written first.
"""

import re
import secrets as entropy
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from loadtests.errors import GeneratorFault, UsageError
from loadtests.plan.model import Plan
from loadtests.plan.secrets import mask
from loadtests.result import hlog
from loadtests.result.database import DatabaseNotes
from loadtests.result.environment import comparability
from loadtests.result.files import AppendFile, atomic_write
from loadtests.result.lines import failure_line, histograms_of, notes_line, resource_line, window_line
from loadtests.result.manifest import (
    ERRORS,
    HLOG,
    MANIFEST,
    WINDOWS,
    EnvironmentEntry,
    Manifest,
    ProcessEntry,
    ScenarioEntry,
    ScenarioTotals,
)
from loadtests.result.reading import read_run
from loadtests.result.run import Environment, FailureSample, ProcessEnd, ResourceSample, RunStatus
from loadtests.result.window import Window

__all__ = ["MESSAGE_LENGTH", "SAMPLES_PER_KIND", "RunWriter", "new_run_id", "read_run"]

SAMPLES_PER_KIND = 20
MESSAGE_LENGTH = 500


def new_run_id(label: str, *, at: datetime | None = None) -> str:
    """An id that sorts by time and is unique: `20261123-083000-api-1a2b` for label `api`, in UTC."""
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    word = re.sub(r"[^a-z0-9]+", "-", label.lower())[:40].strip("-") or "run"
    return f"{moment:%Y%m%d-%H%M%S}-{word}-{entropy.token_hex(2)}"


class RunWriter:
    """Writes one run. Buffered by every call, on disk after `flush`, which the caller makes once a second.

    Any failed write raises `GeneratorFault`; `finish` can still be called then, and says so in the manifest.
    """

    def __init__(self, directory: Path, plan: Plan, *, manifest: Manifest, files: Sequence[AppendFile]) -> None:
        self.directory = directory
        self._plan = plan
        self._manifest = manifest
        self._log, self._windows, self._errors = files
        self._scenarios: dict[str, _ScenarioState] = {}
        self._fault: GeneratorFault | None = None

    @classmethod
    def create(
        cls,
        directory: Path,
        plan: Plan,
        *,
        run_id: str,
        build: str,
        environment: Environment,
        branch: str | None = None,
        scenarios: Sequence[str] | None = None,
        started_at: datetime | None = None,
    ) -> Self:
        """Begin a run in `directory`, made when missing; `UsageError` when it holds anything already.

        `scenarios` names those that will run (all of the plan when `None`): they decide the comparability hash.
        """
        _claim(directory)
        started = (started_at or datetime.now(UTC)).astimezone(UTC)
        manifest = Manifest(
            id=run_id,
            started_at=started.isoformat(timespec="milliseconds"),
            status="running",
            build=build,
            branch=branch,
            comparability=comparability(plan.document, environment, scenarios=scenarios),
            plan=plan.document,
            environment=EnvironmentEntry.of(environment),
        )
        atomic_write(directory / MANIFEST, manifest.to_json())
        files = [AppendFile.create(directory / name) for name in (HLOG, WINDOWS, ERRORS)]
        for text in hlog.header(started):
            files[0].add(text)
        writer = cls(directory, plan, manifest=manifest, files=files)
        writer.flush()
        return writer

    @property
    def run_id(self) -> str:
        """The id under which the run is stored."""
        return self._manifest.id

    def begin_scenario(self, name: str, expected_processes: int, *, started_at: str) -> None:
        """A scenario starts its load; `started_at` is ISO 8601 with an offset, the zero of all its seconds."""
        entry = ScenarioEntry(name=name, started_at=started_at, expected_processes=expected_processes)
        begun = datetime.fromisoformat(started_at) - datetime.fromisoformat(self._manifest.started_at)
        self._scenarios[name] = _ScenarioState(begun.total_seconds())
        self._rewrite(scenarios=(*self._manifest.scenarios, entry))

    def window(self, window: Window) -> None:
        """Buffer a window of a scenario that has begun. Histograms that hold nothing are not stored."""
        state = self._scenarios[window.scenario]
        entries = histograms_of(window)
        for entry in entries:
            tag = hlog.tag(entry.scenario, entry.operation, entry.kind)
            self._log.add(hlog.line(tag, state.offset_s + window.second, histogram=entry.histogram))
        self._windows.add(window_line(window, entries))
        state.count(window)

    def resource(self, sample: ResourceSample) -> None:
        """Buffer one sample of resources."""
        self._windows.add(resource_line(sample))

    def notes(self, scenario: str, notes: DatabaseNotes) -> None:
        """Buffer what a database says at the end of a scenario, its texts masked and cut to 500 characters."""
        statements = (replace(one, query=self._clean(one.query)) for one in notes.statements)
        blockers = (replace(one, query=self._clean(one.query)) for one in notes.blockers)
        self._windows.add(notes_line(scenario, DatabaseNotes(tuple(statements), tuple(blockers))))

    def failure(self, sample: FailureSample) -> None:
        """Buffer a failure, masked and cut to 500 characters; from the 21st of its kind on it is only counted."""
        state = self._scenarios[sample.scenario]
        state.failures[sample.operation, sample.kind] += 1
        if state.failures[sample.operation, sample.kind] <= SAMPLES_PER_KIND:
            self._errors.add(failure_line(replace(sample, message=self._clean(sample.message))))

    def end_scenario(
        self,
        name: str,
        status: RunStatus,
        *,
        ended_s: float | None,
        processes: Sequence[ProcessEnd],
        stop_reason: str | None = None,
    ) -> None:
        """A scenario has ended; everything of it that was buffered is on disk afterwards."""
        self.flush()
        ended: dict[str, Any] = {
            "status": status,
            "ended_s": ended_s,
            "stop_reason": None if stop_reason is None else self._clean(stop_reason),
            "processes": tuple(self._process(end) for end in processes),
            "totals": self._scenarios[name].totals(),
        }
        entries = [e.model_copy(update=ended) if e.name == name else e for e in self._manifest.scenarios]
        self._rewrite(scenarios=tuple(entries))

    def flush(self) -> None:
        """Put whole windows on disk: the log first, then the lines that make its entries count."""
        if self._fault is not None:
            raise self._fault
        try:
            for file in (self._log, self._windows, self._errors):
                file.flush()
        except GeneratorFault as fault:
            self._fault = fault
            raise

    def finish(self, status: RunStatus, *, warnings: Sequence[str] = ()) -> None:
        """End the run. After a failed write the manifest says that recording stopped; call it then too."""
        if self._fault is None:
            self.flush()
        noticed = list(warnings)
        if self._fault is not None and str(self._fault) not in noticed:
            noticed.append(f"recording stopped early: {self._fault}")
        self._rewrite(status=status, warnings=tuple(map(self._clean, noticed)))
        self.close()

    def close(self) -> None:
        """Give the files back without ending the run: it reads as not complete unless `finish` was called."""
        for file in (self._log, self._windows, self._errors):
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _rewrite(self, **changes: Any) -> None:
        self._manifest = self._manifest.model_copy(update=changes)
        atomic_write(self.directory / MANIFEST, self._manifest.to_json())

    def _process(self, end: ProcessEnd) -> ProcessEntry:
        reason = None if end.reason is None else self._clean(end.reason)
        return ProcessEntry(
            process=end.process,
            clean=end.clean,
            windows=end.windows,
            reason=reason,
            faults=dict(end.faults),
            worker=end.worker,
            lost_s=end.lost_s,
        )

    def _clean(self, text: str) -> str:
        """Masked before it is cut, so that no half of a secret is left; without what UTF-8 cannot hold."""
        masked = mask(text.encode(errors="replace").decode(), self._plan.secrets)
        return masked if len(masked) <= MESSAGE_LENGTH else masked[: MESSAGE_LENGTH - 1] + "…"


class _ScenarioState:
    """What the writer adds up for one scenario while it runs."""

    def __init__(self, offset_s: float) -> None:
        self.offset_s = offset_s
        self.failures: Counter[tuple[str, str]] = Counter()
        self._windows = 0
        self._operations: dict[str, Counter[str]] = {}

    def count(self, window: Window) -> None:
        self._windows += 1
        for name, tally in window.operations.items():
            self._operations.setdefault(name, Counter()).update(tally.counters)

    def totals(self) -> ScenarioTotals:
        kept = sum(min(seen, SAMPLES_PER_KIND) for seen in self.failures.values())
        return ScenarioTotals(
            windows=self._windows,
            failure_samples=kept,
            failures_not_sampled=self.failures.total() - kept,
            operations={name: dict(counters) for name, counters in self._operations.items()},
        )


def _claim(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        taken = any(directory.iterdir())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot make the run directory {directory}: {reason}; choose another with -o") from error
    if taken:
        raise UsageError(f"the run directory {directory} is not empty; choose another with -o, or remove it first")
