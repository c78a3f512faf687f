"""Our windows in the words of Locust's statistics, so that its web interface can show a run of ours.

Locust buckets response times to two significant digits and keeps failures in the same histogram; what is shown is as
coarse as that. The run directory has the figures that count.
"""

from collections.abc import Iterator
from typing import Any

from loadtests.result.histogram import Histogram, lowest_equivalent_us
from loadtests.result.window import (
    COMPLETED_FAILED,
    COMPLETED_OK,
    CONNECTIONS,
    RESPONSE_FAILED,
    RESPONSE_OK,
    Tally,
    Window,
)

__all__ = ["report_of"]

_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")


def report_of(window: Window, *, started_s: float) -> dict[str, Any]:
    """What a worker of Locust's would report of that window; `started_s` is the run's start in seconds since 1970.

    "Users" are executions in flight. Requests go by the second in which they were due.
    """
    at_s = started_s + window.second
    named = [(_split(name), tally) for name, tally in window.operations.items() if name != CONNECTIONS]
    entries = [_entry(name, method, tally, at_s=at_s) for (method, name), tally in named]
    whole = Tally.merge(tally for _, tally in named)
    return {
        "stats": entries,
        "stats_total": _entry("Aggregated", "", whole, at_s=at_s),
        "errors": dict(_errors(named, at_s=at_s)),
        "user_classes_count": {"in flight": window.generator.count("in_flight")},
        "user_count": window.generator.count("in_flight"),
    }


def _split(name: str) -> tuple[str, str]:
    """Method and name as Locust keeps them apart."""
    method, _, rest = name.partition(" ")
    return (method, rest) if method in _METHODS and rest else ("", name)


def _entry(name: str, method: str, tally: Tally, *, at_s: float) -> dict[str, Any]:
    answers = Histogram.merge([tally.histogram(RESPONSE_OK), tally.histogram(RESPONSE_FAILED)])
    times: dict[int, int] = {}
    total_ms = 0.0
    for value_us, number in zip(
        lowest_equivalent_us(answers.indices.astype("int64")).tolist(), answers.counts.tolist(), strict=True
    ):
        rounded = _rounded(value_us / 1000)
        times[rounded] = times.get(rounded, 0) + number
        total_ms += value_us / 1000 * number
    ended = tally.count(COMPLETED_OK) + tally.count(COMPLETED_FAILED)
    return {
        "name": name,
        "method": method,
        "last_request_timestamp": at_s,
        "start_time": at_s,
        "num_requests": answers.total,
        "num_none_requests": 0,
        "num_failures": tally.failed,
        "total_response_time": total_ms,
        "max_response_time": (answers.max_us or 0) / 1000,
        "min_response_time": None if answers.min_us is None else answers.min_us / 1000,
        "total_content_length": 0,
        "response_times": times,
        "num_reqs_per_sec": {int(at_s): ended} if ended else {},
        "num_fail_per_sec": {int(at_s): tally.count(COMPLETED_FAILED)} if tally.count(COMPLETED_FAILED) else {},
    }


def _errors(named: list[tuple[tuple[str, str], Tally]], *, at_s: float) -> Iterator[tuple[str, dict[str, Any]]]:
    for (method, name), tally in named:
        for kind, number in tally.failures.items():
            error = {"name": name, "method": method, "error": kind, "occurrences": number}
            yield f"{method} {name} {kind}", {**error, "first_seen": at_s, "last_seen": at_s}


def _rounded(ms: float) -> int:
    """As Locust rounds: whole milliseconds, two digits that count."""
    if ms < 100:
        return round(ms)
    return round(ms, -1) if ms < 1000 else round(ms, -2) if ms < 10_000 else round(ms, -3)  # type: ignore[return-value]
