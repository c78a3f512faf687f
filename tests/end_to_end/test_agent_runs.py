"""The agent profile as a user runs it, against the embedded target: its own faults are what the verdict names."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loadtests.plan.loader import load_plan
from loadtests.profiles.agent import shortest_duration
from loadtests.target.savings import savings_of

ROOT = Path(__file__).parents[2]
_QUICK = "first 30ms; token 1ms; tokens 20; phase 10ms"


def run(folder: Path, dial: str | None, *flags: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the scenario's part of report.json, and what was printed."""
    options = [] if dial is None else [f"--target-option=--agents={dial}"]
    command = [
        sys.executable,
        "-m",
        "loadtests.profiles.agent",
        "--embedded",
        "-o",
        str(folder / "run"),
        *options,
        *flags,
    ]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    report = json.loads((folder / "run" / "report.json").read_text())["scenarios"][0]
    return ended.returncode, report, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("sentence", "dial", "missed"),
    [
        ("the provider falls silent in 6% of executions", "hang 6%", {"timeouts < 2%"}),
        (
            "wrong sums, and another user's answers",
            "wrong every 60; mixup every 70",
            {"accuracy >= 100%", "mixed up <= 0%"},
        ),
    ],
)
def test_a_fault_of_the_agents_fails_what_it_is_about(
    tmp_path: Path, sentence: str, dial: str, missed: set[str]
) -> None:
    """Counted by kind, and the clause that it breaks fails."""
    code, report, printed = run(tmp_path, f"{_QUICK}; {dial}", "--execution-time", "2", "--duration", "6")
    failed = {one["text"] for one in report["thresholds"] if one["verdict"] == "fail"}
    assert (code, missed - failed) == (1, set()), printed


def test_the_guides_command_passes(tmp_path: Path) -> None:
    """Enough executions to show all of it, where they are quick."""
    code, report, printed = run(tmp_path, _QUICK, "--execution-time", "30", "--duration", "8")
    assert code == 0, printed
    assert report["verdict"] == "pass", printed
    assert {"LOAD-AGENT", "SLO-AGENT", "SLO-ACCURACY", "SLO-SAVINGS"} <= {one["clause"] for one in report["thresholds"]}


def test_the_right_answers_of_the_scenario_are_those_of_the_formula() -> None:
    """What `scenarios.yaml` expects is what the target's documented formula gives."""
    scenario = load_plan(ROOT / "scenarios.yaml", environ={}).scenarios["agent"]
    users, savings = (scenario.data[name].values for name in ("user", "savings"))
    for operation in scenario.operations:
        for prompt in operation.prompts:
            assert [savings_of(int(user), prompt).cents for user in users] == [
                round(float(one) * 100) for one in savings
            ]


@pytest.mark.parametrize(("agents", "seconds", "lasts"), [(50, 30.0, 365), (600, 30.0, 90), (1, 1.0, 600)])
def test_the_command_takes_as_long_as_the_claims_need(agents: int, seconds: float, lasts: int) -> None:
    """600 executions that take all their time, after the spawning."""
    assert shortest_duration(agents, seconds) == lasts
