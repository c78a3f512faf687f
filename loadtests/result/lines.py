"""The lines of `windows.ndjson` and `errors.ndjson`: one JSON object each.

    {"type": "window", "scenario", "process", "sequence", "second", "histograms": <how many lines of windows.hlog>,
     "operations": {<name>: {<counter>: n}}, "generator": {<counter>: n}, "clamped": {<tag>: n}}
    {"type": "resource", "scenario", "at_s", "source", "values": {<name>: x}}
    {"type": "notes", "scenario", "statements": [{…}], "blockers": [{…}]}
    {"type": "failure", "scenario", "operation", "kind", "at_s", "message", "process"}

A window's histograms are the next `histograms` lines of `windows.hlog`: both files keep one order. `clamped` stands
here because the HdrHistogram format has no place for it.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from loadtests.result.database import Blocker, DatabaseNotes, StatementUse
from loadtests.result.histogram import Histogram
from loadtests.result.hlog import LogEntry, tag
from loadtests.result.run import FailureSample, ResourceSample
from loadtests.result.window import Tally, Window

__all__ = [
    "failure_line",
    "failure_of",
    "histograms_of",
    "notes_line",
    "notes_of",
    "read_lines",
    "resource_line",
    "resource_of",
    "window_line",
    "window_of",
]


def histograms_of(window: Window) -> list[LogEntry]:
    """The histograms of a window that hold anything, in the order in which they are logged."""
    tallies: list[tuple[str | None, Tally]] = [*window.operations.items(), (None, window.generator)]
    return [
        LogEntry(window.scenario, operation, kind, histogram)
        for operation, tally in tallies
        for kind, histogram in tally.histograms.items()
        if histogram.indices.size
    ]


def window_line(window: Window, entries: Iterable[LogEntry]) -> bytes:
    """The line of a window whose histograms are logged as `entries`."""
    listed = list(entries)
    return orjson.dumps(
        {
            "type": "window",
            "scenario": window.scenario,
            "process": window.process,
            "sequence": window.sequence,
            "second": window.second,
            "histograms": len(listed),
            "operations": {name: dict(tally.counters) for name, tally in window.operations.items()},
            "generator": dict(window.generator.counters),
            "clamped": {tag(*entry[:3]): entry.histogram.clamped for entry in listed if entry.histogram.clamped},
        }
    )


def window_of(data: Mapping[str, Any], entries: Iterable[LogEntry]) -> Window:
    """The window of a line and its log entries; `ValueError` when they do not belong together."""
    scenario, clamped = data["scenario"], data["clamped"]
    found: dict[str | None, dict[str, Histogram]] = {name: {} for name in data["operations"]}
    found[None] = {}
    for entry in entries:
        if entry.scenario != scenario or entry.operation not in found:
            raise ValueError(f"expected a histogram of {scenario}, got one of {entry.scenario}/{entry.operation}")
        histogram = entry.histogram
        if clamped:
            histogram = Histogram(histogram.indices, histogram.counts, clamped.get(tag(*entry[:3]), 0))
        found[entry.operation][entry.kind] = histogram
    return Window(
        scenario=scenario,
        process=data["process"],
        sequence=data["sequence"],
        second=data["second"],
        operations={name: Tally(counters, found[name]) for name, counters in data["operations"].items()},
        generator=Tally(data["generator"], found[None]),
    )


def resource_line(sample: ResourceSample) -> bytes:
    """The line of a sample; values that are not finite are absent, as anything unknown is."""
    return orjson.dumps(
        {
            "type": "resource",
            "scenario": sample.scenario,
            "at_s": sample.at_s,
            "source": sample.source,
            "values": {name: value for name, value in sample.values.items() if math.isfinite(value)},
        }
    )


def resource_of(data: Mapping[str, Any]) -> ResourceSample:
    """The sample of a line."""
    return ResourceSample(data["scenario"], data["at_s"], data["source"], data["values"])


def notes_line(scenario: str, notes: DatabaseNotes) -> bytes:
    """The line of what a database says at the end of a scenario."""
    return orjson.dumps({"type": "notes", "scenario": scenario, **asdict(notes)})


def notes_of(data: Mapping[str, Any]) -> DatabaseNotes:
    """The notes of a line."""
    return DatabaseNotes(
        tuple(StatementUse(**one) for one in data["statements"]), tuple(Blocker(**one) for one in data["blockers"])
    )


def failure_line(sample: FailureSample) -> bytes:
    """The line of a sample."""
    return orjson.dumps(
        {
            "type": "failure",
            "scenario": sample.scenario,
            "operation": sample.operation,
            "kind": sample.kind,
            "at_s": sample.at_s,
            "message": sample.message,
            "process": sample.process,
        }
    )


def failure_of(data: Mapping[str, Any]) -> FailureSample:
    """The sample of a line."""
    return FailureSample(
        data["scenario"], data["operation"], data["kind"], data["at_s"], data["message"], data["process"]
    )


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of lines, up to the first line that is torn or damaged; nothing when there is no file."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for raw in file:
            if not raw.endswith(b"\n"):
                return
            try:
                data = orjson.loads(raw)
            except orjson.JSONDecodeError:
                return
            if not isinstance(data, dict):
                return
            yield data
