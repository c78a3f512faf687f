"""`loadtests calibrate`: equal runs are made, their spread is kept, and `compare` finds it."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from stored_runs import stored_run
from synthetic_runs import ms, tally

from loadtests.cli import session
from loadtests.cli.calibrate import command
from loadtests.cli.calibrations import CALIBRATIONS, read_calibrations, write_calibration
from loadtests.cli.compare import command as compare
from loadtests.errors import RunInterrupted, RunInvalid, UsageError
from loadtests.judge.comparison.calibration import Calibration
from loadtests.judge.comparison.within import Spread

PLAN = """
version: 1
scenarios:
  api: {driver: "null", load: {rate: 20/s, duration: 6s}, operations: [{name: get, law: 5ms}], thresholds: [p95 < 6ms]}
"""


def noisy(where: Path, seed: int, **more: object) -> Path:
    """A stored run that is some percent off 5 ms."""
    factor = np.random.default_rng(seed).normal(1.0, 0.02)
    return stored_run(where, lambda _: tally(ms(*np.linspace(4, 6, 20) * factor), completed=20), **more)


@pytest.fixture
def calibrate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """The command with runs that are written rather than driven."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios.yaml").write_text(PLAN)

    def invoked(*arguments: str, late: tuple[int, ...] = (), interrupted: int | None = None) -> Result:
        made: list[Path] = []

        def run_plan(plan: object, label: str, *, output: Path, crew: object) -> tuple[Path, bool]:
            where = output
            made.append(where)
            number = len(made)
            status = "interrupted" if number == interrupted else "complete"
            noisy(where, number, lag_us=900_000 if number in late else 100, status=status)
            return where, status == "interrupted"

        monkeypatch.setattr(session, "run_plan", run_plan)
        return CliRunner().invoke(command, ["api", "-o", "made", *arguments])

    return invoked


def test_a_calibration_is_kept_and_used_by_compare(calibrate: Callable[..., Result], tmp_path: Path) -> None:
    result = calibrate("-n", "6")
    assert result.exit_code == 0, result.output
    assert "6 runs of one build" in result.output
    (file,) = (tmp_path / CALIBRATIONS).iterdir()
    for name, seed in (("a", 50), ("b", 51)):
        noisy(tmp_path / name, seed)
    compared = CliRunner().invoke(compare, ["a", "b"])
    assert re.search(r"calibration of \d{4}-\d\d-\d\d by 6 runs", " ".join(compared.output.split()))
    assert "DESCRIPTIVE" not in compared.output
    fine = CliRunner().invoke(compare, ["a", "b", "--margin", "0.1%"]).exception
    assert isinstance(fine, UsageError)
    assert "cannot tell so small a change" in str(fine)
    without = CliRunner().invoke(compare, ["a", "b", "--no-calibration"])
    assert "DESCRIPTIVE" in without.output
    file.write_text("{}")
    damaged = CliRunner().invoke(compare, ["a", "b"]).exception
    assert isinstance(damaged, UsageError)
    assert "cannot be read" in str(damaged)


def test_invalid_runs_are_left_out_and_made_again(calibrate: Callable[..., Result], tmp_path: Path) -> None:
    result = calibrate("-n", "3", late=(2,))
    assert result.exit_code == 0
    assert "run-02 is INVALID and left out" in result.output
    assert len(list((tmp_path / "made").iterdir())) == 4


def test_a_machine_on_which_no_run_is_valid_is_given_up(calibrate: Callable[..., Result], tmp_path: Path) -> None:
    result = calibrate("-n", "3", late=tuple(range(20)))
    assert isinstance(result.exception, RunInvalid)
    assert not (tmp_path / CALIBRATIONS).exists()


def test_an_interrupted_calibration_keeps_its_runs_and_no_calibration(
    calibrate: Callable[..., Result], tmp_path: Path
) -> None:
    result = calibrate("-n", "3", interrupted=2)
    assert isinstance(result.exception, RunInterrupted)
    assert len(list((tmp_path / "made").iterdir())) == 2
    assert not (tmp_path / CALIBRATIONS).exists()


def test_a_calibration_reads_back_as_it_was(tmp_path: Path) -> None:
    made = Calibration("api", "abc", "2026-01-01", ("r1", "r2", "r3"), {"a": "1"}, {"p95": Spread(0.001, 2.0)})
    write_calibration(made, tmp_path)
    assert read_calibrations(["abc", "other"], tmp_path) == {"abc": made}
