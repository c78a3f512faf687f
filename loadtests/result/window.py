"""What happened in one second, as an engine process reports it. Windows add up: by second, process and machine.

Everything in a window belongs to the second in which the execution was *due* (its intended start), so warm-up and
steady executions never mix and a slow answer is judged with the second that asked for it. Only the counters named
`completed.*` go by the second in which the answer ended: they give throughput over time. Late answers produce further
windows for the same second; all of them add up.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from loadtests.result.histogram import Histogram

__all__ = [
    "CHECKED",
    "COMPLETED_FAILED",
    "COMPLETED_OK",
    "CONNECTIONS",
    "CPU_WARNINGS",
    "CUT_OFF",
    "DROPPED",
    "DROPPED_AT",
    "DUPLICATED",
    "EXPECTED",
    "FAILED",
    "GOOD",
    "IDENTIFIED",
    "LATE",
    "LOST_CONNECTION",
    "LOST_PUSHES",
    "MIXED_UP",
    "NAMES_BEYOND",
    "NUMBERS",
    "NUMBER_NS",
    "OFFERED",
    "OK",
    "OUT_OF_ORDER",
    "POOL_BUSY",
    "POOL_OPEN",
    "PUSHES",
    "RECEIVED",
    "RECONNECTED",
    "REFUSED",
    "RESPONSE_FAILED",
    "RESPONSE_OK",
    "RETRIED",
    "RIGHT",
    "SERVICE_FAILED",
    "SERVICE_OK",
    "TASK_ERRORS",
    "UNEXPECTED",
    "UNTIMED",
    "Tally",
    "Window",
]

# Counters of an operation. Each execution that was due adds one to OFFERED and ends in exactly one of
# OK, FAILED + kind, DROPPED (max_in_flight was reached), CUT_OFF (still running when the run ended).
OFFERED = "offered"
OK = "ok"
FAILED = "failed."  # + kind: timeout, connect, reset, protocol, check, status_3xx, status_4xx, status_5xx, …
DROPPED = "dropped"
CUT_OFF = "cut_off"
COMPLETED_OK = "completed.ok"
COMPLETED_FAILED = "completed.failed"

# What may be wrong with messages though their executions ended: further counters of an operation.
LATE = "late"  # answered after all, but after the execution had been given up as lost
DUPLICATED = "duplicated"  # an answer that had come before
OUT_OF_ORDER = "out_of_order"  # an answer that came after that of a message sent later on the same connection
UNEXPECTED = "unexpected"  # no message in flight was answered by it
EXPECTED, RECEIVED = "expected", "received"  # copies of a broadcast: due to those who listened, and come in time

# A transaction that was begun anew after a serialization failure or a deadlock, each time.
RETRIED = "retried"

# What executions of agents showed besides: further counters of an operation.
REFUSED = "refused"  # told to come back later (429, 503) at least once
GOOD = "good"  # ended well, and within all its limits: goodput
CHECKED, RIGHT = "checked", "right"  # answers compared with the known right one, and equal to it
IDENTIFIED, MIXED_UP = "identified", "mixed_up"  # answers that said whose they are, and were somebody else's

# Connections that are held are a tally of their own, CONNECTIONS, which is no operation and in no total. Each attempt
# that was due adds one to OFFERED and ends in OK (established), FAILED + kind, or CUT_OFF. It belongs, with all that
# befalls it, to the second in which it was due; "dropped_at" alone goes by the second of the drop.
CONNECTIONS = "-connections-"
LOST_CONNECTION = "drop."  # + cause: close_1001, reset, eof, ping_timeout, protocol, …: before its time
DROPPED_AT = "dropped_at"
RECONNECTED = "reconnected"  # of the OK ones, those that replaced a lost connection
PUSHES = "pushes"  # messages that the server sent unasked; by the second of arrival, also LOST_PUSHES
LOST_PUSHES = "lost_pushes"  # gaps in their running numbers; DUPLICATED and OUT_OF_ORDER speak of pushes here

# Histograms of an operation (µs). Response time runs from the intended start, service time from the actual send.
RESPONSE_OK = "response.ok"
SERVICE_OK = "service.ok"
RESPONSE_FAILED = "response.failed"
SERVICE_FAILED = "service.failed"
# Further histograms by name: "connect" (of CONNECTIONS: from when it was due until it was usable), "first byte",
# "first event", "delivery" (each copy of a broadcast); of CONNECTIONS also "ping" and "push" (sent to received).
# Of agents: "ttft" and "token rate" (of each turn), "token gap", "event gap", "queued" and "phase <name>" (as the
# service tells them), "tokens", "partial tokens" (of failed ones), "turns", "tool calls", "parallel" (running at once).
NUMBER_NS = 1_000_000
"""In a histogram a plain number stands as so many ns each: 12 tokens as 12 ms, 50 tokens a second as 50 ms."""
NUMBERS = frozenset({"token rate", "tokens", "partial tokens", "turns", "tool calls", "parallel"})
"""Histograms of plain numbers, not of times."""

# Of the generator's tally where the load is a locustfile's: exceptions in its tasks, requests without a response time,
# requests under names beyond the most that are kept apart, warnings of Locust's that its CPU was above 90%.
TASK_ERRORS = "task_errors"
UNTIMED = "untimed_requests"
NAMES_BEYOND = "names_beyond"
CPU_WARNINGS = "cpu_warnings"

# Generator tally of a window: histograms "start lag" (actual minus intended start), "loop lag", "gc pause";
# counters "cpu_ns", "elapsed_ns" (CPU share = their quotient), "rss_bytes", "in_flight", "open_connections"; time in
# which the process was ready to run and had no core, and the pages it had to wait for until they were read from disk:
CORE_WAIT_NS, MAJOR_FAULTS = "core_wait_ns", "major_faults"
# Of a pool of connections:
POOL_BUSY, POOL_OPEN = "pool_busy_ns", "pool_open_ns"  # time that its connections were in use, and open, together


_FEW_PARTS = 64


class _Merged(Mapping[str, Histogram]):
    """The histograms of many tallies by name. Each is merged when it is first asked for: most of them never are."""

    __slots__ = ("_done", "_sources")

    def __init__(self, tallies: "Iterable[Tally]") -> None:
        self._sources: dict[str, list[Mapping[str, Histogram]]] = {}
        self._done: dict[str, Histogram] = {}
        for tally in tallies:
            for name in tally.histograms:
                self._sources.setdefault(name, []).append(tally.histograms)

    def __getitem__(self, name: str) -> Histogram:
        if name not in self._done:
            self._done[name] = Histogram.merge(self.parts(name))
        return self._done[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def __repr__(self) -> str:
        return repr(dict(self))

    def parts(self, name: str) -> list[Histogram]:
        """What is to be merged. A few parts of a part are taken as they are, many are first merged, and kept so."""
        found: list[Histogram] = []
        for source in self._sources[name]:
            if isinstance(source, _Merged) and source.is_small(name):
                found.extend(source.parts(name))
            else:
                found.append(source[name])
        return found

    def is_small(self, name: str) -> bool:
        """Whether it is not worth keeping what the parts come to."""
        return name not in self._done and len(self._sources[name]) <= _FEW_PARTS


@dataclass(frozen=True, slots=True)
class Tally:
    """Counters and histograms of one operation (or of the generator itself)."""

    counters: Mapping[str, int] = field(default_factory=dict)
    histograms: Mapping[str, Histogram] = field(default_factory=dict)

    @classmethod
    def merge(cls, parts: "Iterable[Tally]") -> Self:
        """The exact sum: counters add, histograms merge."""
        counters: dict[str, int] = {}
        kept = list(parts)
        for part in kept:
            for name, count in part.counters.items():
                counters[name] = counters.get(name, 0) + count
        return cls(counters, _Merged(kept))

    def count(self, name: str) -> int:
        """The counter's value, 0 when nothing was counted."""
        return self.counters.get(name, 0)

    def histogram(self, name: str) -> Histogram:
        """The histogram of that name, empty when nothing was recorded."""
        return self.histograms.get(name) or Histogram.empty()

    @property
    def failures(self) -> dict[str, int]:
        """Failure counts by kind."""
        return {name[len(FAILED) :]: n for name, n in sorted(self.counters.items()) if name.startswith(FAILED) and n}

    @property
    def lost_connections(self) -> dict[str, int]:
        """Connections that ended before their time, by cause (of the tally CONNECTIONS)."""
        prefix = LOST_CONNECTION
        return {name[len(prefix) :]: n for name, n in sorted(self.counters.items()) if name.startswith(prefix) and n}

    @property
    def failed(self) -> int:
        """All failures, whatever their kind."""
        return sum(number for name, number in self.counters.items() if name.startswith(FAILED))


@dataclass(frozen=True, slots=True)
class Window:
    """Second `second` after the scenario's start, as seen by one engine process.

    `sequence` numbers the windows of a process from 0 without gaps, so a missing one is noticed.
    """

    scenario: str
    process: str
    sequence: int
    second: int
    operations: Mapping[str, Tally]
    generator: Tally = field(default_factory=Tally)

    def to_wire(self) -> dict[str, Any]:
        """Plain data for msgpack; `from_wire` reads it back equal."""
        return {
            "scenario": self.scenario,
            "process": self.process,
            "sequence": self.sequence,
            "second": self.second,
            "operations": {name: _tally_to_wire(tally) for name, tally in self.operations.items()},
            "generator": _tally_to_wire(self.generator),
        }

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Self:
        """The window that `to_wire` wrote."""
        return cls(
            scenario=data["scenario"],
            process=data["process"],
            sequence=data["sequence"],
            second=data["second"],
            operations={name: _tally_from_wire(tally) for name, tally in data["operations"].items()},
            generator=_tally_from_wire(data["generator"]),
        )


def _tally_to_wire(tally: Tally) -> dict[str, Any]:
    return {
        "counters": dict(tally.counters),
        "histograms": {
            name: [found.indices.tobytes(), found.counts.tobytes(), found.clamped]
            for name, found in tally.histograms.items()
        },
    }


def _tally_from_wire(data: Mapping[str, Any]) -> Tally:
    histograms = {
        name: Histogram(np.frombuffer(indices, np.int32), np.frombuffer(counts, np.int64), clamped)
        for name, (indices, counts, clamped) in data["histograms"].items()
    }
    return Tally(data["counters"], histograms)
