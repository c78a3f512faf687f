"""A scenario's runs as a CSV file for Apache Otava, which looks for change points in it by its own method.

One row a run, oldest first: `time` (Unix seconds), `build`, `run`, then the metrics of all operations together, empty
where a run has none. Times are in ms, shares 0..1. `otava_config` is the file that tells Otava how to read it.
"""

import csv
import io
from collections.abc import Sequence
from datetime import datetime

from loadtests.judge.comparison.metrics import Metric, metrics_of
from loadtests.judge.record import RunRecord

__all__ = ["otava_config", "otava_csv"]

_ATTRIBUTES = ("build", "run")
_SCALES = {"time": 1e-6, "rate": 1.0, "share": 1.0}


def otava_csv(records: Sequence[RunRecord]) -> str:
    """The runs of one scenario; INVALID ones are left out, since they say nothing of the target."""
    usable = sorted((each for each in records if each.invalid is None), key=lambda each: each.started_at)
    metrics = _metrics(usable)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["time", *_ATTRIBUTES, *(_column(metric) for metric in metrics)])
    for record in usable:
        seconds = int(datetime.fromisoformat(record.started_at).timestamp())
        writer.writerow([seconds, record.build, record.run_id, *(_cell(metric, record) for metric in metrics)])
    return text.getvalue()


def otava_config(records: Sequence[RunRecord], file: str) -> str:
    """The configuration under which `otava analyze SCENARIO` reads the CSV in `file`."""
    usable = [each for each in records if each.invalid is None]
    lines = ["tests:", f"  {usable[0].scenario if usable else 'none'}:", "    type: csv", f"    file: {file}"]
    lines += ["    time_column: time", f"    attributes: [{', '.join(_ATTRIBUTES)}]", "    metrics:"]
    for metric in _metrics(usable):
        lines += [f"      {_column(metric)}:", f"        direction: {-metric.worse}", "        scale: 1"]
    return "\n".join(lines) + "\n"


def _metrics(records: Sequence[RunRecord]) -> list[Metric]:
    return [metric for metric in metrics_of(records) if metric.operation is None] if records else []


def _column(metric: Metric) -> str:
    unit = {"time": "_ms", "rate": "_per_s", "share": ""}[metric.kind]
    return metric.name.replace(" ", "_") + unit


def _cell(metric: Metric, record: RunRecord) -> str:
    found = metric.figure(record)
    return "" if found is None else f"{found * _SCALES[metric.kind]:.6g}"
