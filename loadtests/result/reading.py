"""Reading a run directory back: everything that is whole, and a sentence about everything that is not."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import orjson
from pydantic import ValidationError

from loadtests.errors import PlanError, RunUnreadable
from loadtests.plan.loader import plan_from_document
from loadtests.plan.model import Plan
from loadtests.result.database import DatabaseNotes
from loadtests.result.hlog import LogEntry, read_log
from loadtests.result.lines import failure_of, notes_of, read_lines, resource_of, window_of
from loadtests.result.manifest import ERRORS, HLOG, MANIFEST, SCHEMA, WINDOWS, Manifest, ScenarioEntry
from loadtests.result.run import FailureSample, ResourceSample, Run, ScenarioRun
from loadtests.result.window import Window

__all__ = ["read_run"]


@dataclass(slots=True)
class _Recorded:
    """What the files hold of one scenario."""

    windows: list[Window] = field(default_factory=list)
    resources: list[ResourceSample] = field(default_factory=list)
    failures: list[FailureSample] = field(default_factory=list)
    notes: DatabaseNotes = DatabaseNotes()


def read_run(path: Path) -> Run:
    """The run stored in directory `path`: every window that is whole on disk, with warnings about what is missing.

    A run that was killed is read up to its last whole window, has status `running`, and a warning says so.
    Raises `RunUnreadable` when the directory or its manifest cannot be used.
    """
    manifest = _manifest(path)
    plan = _plan(path, manifest)
    recorded: dict[str, _Recorded] = {entry.name: _Recorded() for entry in manifest.scenarios}
    try:
        with _no_collections():
            _read_windows(path, recorded)
            _read_failures(path, recorded)
    except OSError as error:
        raise RunUnreadable(str(path), (error.strerror or str(error)).lower()) from error
    return Run(
        id=manifest.id,
        started_at=manifest.started_at,
        status=manifest.status,
        plan=plan,
        scenarios=tuple(_scenario(plan, entry, recorded[entry.name]) for entry in manifest.scenarios),
        environment=manifest.environment.value(),
        build=manifest.build,
        branch=manifest.branch,
        comparability=manifest.comparability,
        path=str(path),
        warnings=(*manifest.warnings, *_shortfalls(manifest, recorded)),
    )


def _manifest(path: Path) -> Manifest:
    if not path.is_dir():
        raise RunUnreadable(str(path), "there is no such directory")
    file = path / MANIFEST
    if not file.exists():
        raise RunUnreadable(str(path), f"it has no {MANIFEST}, so it is not a run directory")
    try:
        data = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise RunUnreadable(str(path), f"{MANIFEST} is damaged: {error}") from error
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA:
        raise RunUnreadable(str(path), f"{MANIFEST} has schema {schema!r}, this version reads {SCHEMA!r}")
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RunUnreadable(str(path), f"{MANIFEST} is damaged at {where}: {first['msg'].lower()}") from error


def _plan(path: Path, manifest: Manifest) -> Plan:
    try:
        plan = plan_from_document(manifest.plan, source=str(path / MANIFEST))
    except PlanError as error:
        raise RunUnreadable(str(path), f"this version cannot use the plan in it: {error.mistakes[0]}") from error
    unknown = [entry.name for entry in manifest.scenarios if entry.name not in plan.scenarios]
    if unknown:
        raise RunUnreadable(str(path), f"{MANIFEST} is damaged: its plan has no scenario {unknown[0]!r}")
    return plan


@contextmanager
def _no_collections() -> Iterator[None]:
    """Without cyclic garbage collection, which would walk the growing run again and again: a third of the time.

    Nothing made while reading refers to itself, so nothing is left over, and later collections need not look at it.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def _read_windows(path: Path, recorded: dict[str, _Recorded]) -> None:
    """Windows up to the first that is not whole; samples of resources as far as their lines go."""
    log = read_log(path / HLOG) if (path / HLOG).exists() else iter(())
    whole = True
    for data in read_lines(path / WINDOWS):
        try:
            if data["type"] == "resource":
                recorded[data["scenario"]].resources.append(resource_of(data))
            elif data["type"] == "notes":
                recorded[data["scenario"]].notes = notes_of(data)
            elif data["type"] == "window" and whole:
                window = _next_window(data, log)
                whole = window is not None
                if window is not None:
                    recorded[window.scenario].windows.append(window)
        except (KeyError, TypeError, AttributeError, ValueError):
            return


def _next_window(data: dict[str, object], log: Iterator[LogEntry]) -> Window | None:
    expected = data["histograms"]
    if not isinstance(expected, int):
        raise TypeError("histograms must be a number")
    entries = list(islice(log, expected))
    return window_of(data, entries) if len(entries) == expected else None


def _read_failures(path: Path, recorded: dict[str, _Recorded]) -> None:
    for data in read_lines(path / ERRORS):
        try:
            recorded[data["scenario"]].failures.append(failure_of(data))
        except (KeyError, TypeError):
            return


def _scenario(plan: Plan, entry: ScenarioEntry, recorded: _Recorded) -> ScenarioRun:
    return ScenarioRun(
        scenario=plan.scenarios[entry.name],
        started_at=entry.started_at,
        status=entry.status,
        ended_s=entry.ended_s,
        processes=tuple(process.value() for process in entry.processes),
        expected_processes=entry.expected_processes,
        windows=tuple(recorded.windows),
        resources=tuple(recorded.resources),
        failures=tuple(recorded.failures),
        stop_reason=entry.stop_reason,
        notes=recorded.notes,
    )


def _shortfalls(manifest: Manifest, recorded: dict[str, _Recorded]) -> Sequence[str]:
    found = []
    if manifest.status == "running":
        count = sum(len(part.windows) for part in recorded.values())
        found.append(f"the run is not complete: it was killed or still goes on; {count} windows could be read")
    for entry in manifest.scenarios:
        written = 0 if entry.totals is None else entry.totals.windows
        read = len(recorded[entry.name].windows)
        if read < written:
            found.append(f"scenario {entry.name}: {written - read} of {written} windows are missing or damaged")
    return found
