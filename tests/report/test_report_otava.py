"""The CSV for Apache Otava: columns as its configuration names them, one row a run, oldest first."""

import csv
import io
from dataclasses import replace

import numpy as np
from ruamel.yaml import YAML

from benchmarks.statistics.drawn import Truth, draw_record
from loadtests.judge.record import RunRecord
from loadtests.report.otava import otava_config, otava_csv


def drawn() -> list[RunRecord]:
    """Three runs, the last one first, and an INVALID one."""
    made = [
        draw_record(
            np.random.default_rng(day), Truth(seconds=10), name=f"b{day}-r", started_at=f"2026-01-0{day}T00:00:00+00:00"
        )
        for day in (3, 1, 2)
    ]
    return [*made, replace(made[0], run_id="bad", invalid="the generator was late")]


def rows() -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(otava_csv(drawn()))))


def test_runs_come_oldest_first_and_invalid_ones_not_at_all() -> None:
    assert [row["run"] for row in rows()] == ["b1-r", "b2-r", "b3-r"]
    assert [int(row["time"]) for row in rows()] == [1767225600 + 86400 * day for day in range(3)]


def test_figures_are_those_of_the_runs() -> None:
    """A median of 20 ms, p95 about twice that, few failures, 50/s."""
    for row in rows():
        assert 17 < float(row["p50_ms"]) < 23
        assert 35 < float(row["p95_ms"]) < 50
        assert 0 <= float(row["failures"]) < 0.02
        assert 45 < float(row["throughput_per_s"]) <= 50


def test_the_configuration_names_the_columns_and_which_way_is_better() -> None:
    config = YAML(typ="safe").load(otava_config(drawn(), "api.csv"))["tests"]["api"]
    assert {config["time_column"], *config["attributes"], *config["metrics"]} == set(rows()[0])
    assert config["metrics"]["p95_ms"]["direction"] == -1
    assert config["metrics"]["throughput_per_s"]["direction"] == 1
    assert (config["type"], config["file"]) == ("csv", "api.csv")


def test_no_runs_make_a_file_with_heads_only() -> None:
    assert otava_csv([]) == "time,build,run\n"
