"""`loadtests compare` on stored runs: the verdict, its exit code, the report, and one sentence for what is wrong."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from stored_runs import MACHINE, stored_run
from synthetic_runs import ms, tally

from loadtests.cli.compare import command
from loadtests.errors import RunInvalid, UnlikeRuns, UsageError
from loadtests.result.run import Environment

MIXED = ("old-0,new-1", "old-1,new-0")
"""Sides of both builds each: so restless that nothing can be told."""


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four runs of a build, four of one a fifth slower, in the present directory."""
    monkeypatch.chdir(tmp_path)
    for number in range(4):
        for build, factor in (("old", 1.0), ("new", 1.2)):
            noise = np.random.default_rng(number).normal(1.0, 0.01)
            at = lambda second, scale=factor * noise: tally(ms(*np.linspace(4, 6, 20) * scale), completed=20)  # noqa: E731
            stored_run(tmp_path / f"{build}-{number}", at, build=build)
    return tmp_path


def compare(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        pytest.param(["old-*", "new-*"], 1, "REGRESSED", id="slower"),
        pytest.param(["new-*", "old-*"], 0, "IMPROVED", id="faster"),
        pytest.param(
            ["old-0,old-1", "old-2,old-3", "--margin", "50%", "--margin", "failures=10%"], 0, "SAME", id="same"
        ),
        pytest.param(["old-0", "new-0"], 0, "DESCRIPTIVE", id="one against one"),
        pytest.param([*MIXED, "--strict"], 4, "INCONCLUSIVE", id="strict"),
        pytest.param([*MIXED], 0, "INCONCLUSIVE", id="not strict"),
    ],
)
def test_the_verdict_decides_the_exit_code(reports: Path, arguments: list[str], code: int, word: str) -> None:
    result = compare(*arguments)
    assert (result.exit_code, word in result.output) == (code, True), result.output
    assert all(len(line) <= 100 for line in result.output.splitlines() if not line.startswith("report: "))


def test_the_report_is_written_where_asked_and_named(reports: Path) -> None:
    result = compare("old-*", "new-*", "-o", "made")
    assert "report: made/comparison.html" in result.output
    document = json.loads((reports / "made" / "comparison.json").read_text())
    assert document["verdict"] == "regressed"
    assert document["base"] == {"name": "old-*", "builds": "old", "runs": [f"old-{n}" for n in range(4)]}


def test_without_a_place_the_report_lies_beside_the_runs(reports: Path) -> None:
    compare("old-0", "new-0")
    assert len(list((reports / "reports" / "comparisons").glob("*/comparison.html"))) == 1


def test_unlike_runs_are_refused_unless_allowed(reports: Path) -> None:
    slower = Environment({**MACHINE.machine, "cores": 1}, MACHINE.versions)
    stored_run(reports / "elsewhere", environment=slower)
    refused = compare("old-0", "elsewhere").exception
    assert isinstance(refused, UnlikeRuns)
    assert str(refused).endswith("machine.cores: 2 in the base, 1 in the candidate")
    allowed = compare("old-0", "elsewhere", "--unlike")
    assert allowed.exit_code == 0
    assert "made unlike: machine.cores" in allowed.output


def test_an_invalid_run_is_refused_with_exit_code_3(reports: Path) -> None:
    stored_run(reports / "late", lag_us=900_000)
    refused = compare("old-*", "late").exception
    assert isinstance(refused, RunInvalid)
    assert refused.exit_code == 3
    assert "late (api): the generator" in str(refused)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["old-0", "absent"], "no run is named 'absent'", id="no such run"),
        pytest.param(
            ["old-0", "new-0", "--margin", "p95=much"], "a share such as 1% or 0.01.*got p95=much", id="margin"
        ),
        pytest.param(["old-0", "new-0", "--margin", "0"], "more than 0", id="no margin at all"),
        pytest.param(["old-0", "new-0", "--gate", "p42"], "no p42 to gate", id="gate"),
        pytest.param(["old-*", "new-0", "--paired"], "as many runs on both sides", id="pairs"),
    ],
)
def test_a_mistake_is_one_clear_sentence(reports: Path, arguments: list[str], said: str) -> None:
    mistake = compare(*arguments).exception
    assert isinstance(mistake, UsageError)
    assert mistake.exit_code == 2
    assert re.search(said, str(mistake))
