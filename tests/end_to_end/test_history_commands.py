"""Runs are recorded as they end, and the history is read, fed, and thinned by commands."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from suite_commands import NULL_PLAN, Finished

Call = Callable[..., "subprocess.CompletedProcess[str]"]
Run = Callable[..., Finished]

PLAN = NULL_PLAN.format(rate=100, seconds=1, law="2ms", thresholds="p95 < 1s")


def test_a_run_is_in_the_history_when_it_has_ended(run: Run, loadtests: Call, tmp_path: Path) -> None:
    """By itself, at the usual place; and once only, however often it is added. Its trend is a page and a file."""
    made = run(PLAN)
    assert made.code == 0
    assert "history: reports/history.db" in made.err
    added = loadtests("history", "add", str(made.directory))
    assert added.stdout.split()[1:] == ["was", "there", "already"]
    shown = loadtests("history", "engine", "--format", "json", "--html", "pages/trend.html")
    (recorded,) = json.loads(shown.stdout)["runs"]
    assert recorded["run"] == made.report["run"]["id"]
    assert recorded["ok"] == made.scenario["total"]["ok"]
    assert recorded["run"] in (tmp_path / "pages" / "trend.html").read_text()


def test_a_run_is_left_out_when_asked_to(run: Run, tmp_path: Path) -> None:
    assert run(PLAN, "--no-history").code == 0
    assert not (tmp_path / "reports").exists()


def test_a_history_that_cannot_be_written_costs_no_run(run: Run, tmp_path: Path) -> None:
    """A warning, how to record it later, and the exit code of the verdict."""
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "history.db").write_text("damaged " * 1000)
    made = run(PLAN)
    assert made.code == 0
    assert "warning: the run was not recorded: cannot use the history reports/history.db: it is damaged" in made.err
    assert f"add it later: loadtests history add {made.directory}" in made.err
    assert made.report["verdict"] == "pass"


def test_an_address_that_is_none_is_told_before_any_load(run: Run) -> None:
    """Nobody waits five minutes for a typing mistake."""
    made = run(PLAN, "--database", "mysql://somewhere/history")
    assert made.code == 2
    assert "expected a file, sqlite:///FILE, or postgresql://" in made.err
    assert not made.directory.exists()


def test_runs_are_written_for_otava(run: Run, loadtests: Call, tmp_path: Path) -> None:
    """One row a run, and a configuration beside it that names the file; an unknown scenario is told."""
    assert run(PLAN).code == 0
    written = loadtests("history", "otava", "engine", "-o", "made")
    assert written.stdout.split() == ["made/engine.csv", "made/otava.yaml"]
    assert len((tmp_path / "made" / "engine.csv").read_text().splitlines()) == 2
    assert "file: made/engine.csv" in (tmp_path / "made" / "otava.yaml").read_text()
    unknown = loadtests("history", "otava", "engin")
    assert (unknown.returncode, "no run of engin is recorded" in unknown.stderr) == (2, True)
