"""windows.csv: a row for every second and operation, as `pandas.read_csv(path)` takes it.

Counts are those of the second in which an execution was due, but `answered_ok` and `answered_failed` go by when it
ended. Times are milliseconds of OK answers and empty where there was none.
"""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO

from loadtests.report.page import Page
from loadtests.report.wording import plain
from loadtests.result.run import ScenarioRun
from loadtests.result.window import (
    COMPLETED_FAILED,
    COMPLETED_OK,
    CUT_OFF,
    DROPPED,
    OFFERED,
    OK,
    RESPONSE_OK,
    SERVICE_OK,
    Tally,
)

__all__ = ["COLUMNS", "render"]

_QUANTILES = {"p50_ms": 0.5, "p90_ms": 0.9, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
_SERVICE = {"service_p50_ms": 0.5, "service_p99_ms": 0.99}

COLUMNS = (
    "time", "scenario", "operation", "second", "steady", "offered", "ok", "failed", "dropped", "cut_off",
    "answered_ok", "answered_failed", *_QUANTILES, "mean_ms", *_SERVICE, "failures",
)  # fmt: skip
"""`time` is UTC, `steady` whether the second is judged, `failures` the kinds as `timeout=3 status_5xx=1`."""


def render(page: Page) -> str:
    """The whole table with its header."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for run in page.source.run.scenarios:
        writer.writerows(_rows(run))
    return plain(out.getvalue())


def _rows(run: ScenarioRun) -> Iterator[list[object]]:
    started = datetime.fromisoformat(run.started_at).astimezone(UTC)
    steady = run.seconds()
    tallies = {name: run.by_second([name]) for name in run.operation_names()}
    for second in sorted({second for found in tallies.values() for second in found}):
        at = (started + timedelta(seconds=second)).isoformat()
        for name, found in tallies.items():
            tally = found.get(second, Tally())
            if tally.counters:
                yield [at, run.scenario.name, name, second, int(second in steady), *_figures(tally)]


def _figures(tally: Tally) -> list[object]:
    counts = [tally.count(OFFERED), tally.count(OK), tally.failed, tally.count(DROPPED), tally.count(CUT_OFF)]
    answered = [tally.count(COMPLETED_OK), tally.count(COMPLETED_FAILED)]
    response = tally.histogram(RESPONSE_OK)
    mean = "" if response.mean_us is None else round(response.mean_us / 1e3, 6)
    times = [*_times(tally, RESPONSE_OK, _QUANTILES), mean, *_times(tally, SERVICE_OK, _SERVICE)]
    return [*counts, *answered, *times, " ".join(f"{kind}={number}" for kind, number in tally.failures.items())]


def _times(tally: Tally, name: str, quantiles: dict[str, float]) -> list[object]:
    found = tally.histogram(name).quantiles_us(quantiles.values())
    return [""] * len(quantiles) if found is None else [us / 1e3 for us in found]
