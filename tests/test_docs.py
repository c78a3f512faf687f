"""Everything the documentation shows runs as it stands: every plan, every command."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from loadtests.plan.loader import load_plan
from loadtests.plan.model import Plan

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "docs" / "plan.md",
    ROOT / "docs" / "distributed.md",
    ROOT / "docs" / "locust.md",
    ROOT / "docs" / "reports.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "ARCHITECTURE.md",
]

TURNED_DOWN = {
    "websocket": ["--connections", "20", "--duration", "4"],
    "database": ["--queries-per-second", "200", "--duration", "4"],
    "agent": ["--concurrent-agents", "20", "--duration", "6"],
}
"""What replaces the numbers that the README's profile commands are shown with."""


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of that language; without one, of none."""
    tokens = MarkdownIt().parse(page.read_text())
    return [token.content for token in tokens if token.type == "fence" and token.info.strip() == language]


def plans() -> list[object]:
    return [
        pytest.param(text, id=f"{page.name}-{number}")
        for page in PAGES
        for number, text in enumerate(blocks(page, "yaml"))
    ]


def commands() -> list[str]:
    lines = [line.split("  #")[0].strip() for shown in blocks(ROOT / "README.md", "") for line in shown.splitlines()]
    return [line for line in lines if line.startswith(("loadtests ", "python -m loadtests"))]


def test_the_documentation_shows_something_to_run() -> None:
    """The tests below would pass on nothing."""
    assert len(plans()) >= 5
    assert {line.split()[1] for line in commands()} >= {"check", "run", "judge", "report", "target", "-m"}


def call(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "loadtests", *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.timeout(120)
@pytest.mark.parametrize("text", plans())
def test_every_plan_shown_runs(text: str, tmp_path: Path) -> None:
    """On the embedded target, for two seconds at most; what it asks may be missed on a busy machine."""
    (tmp_path / "plan.yaml").write_text(text)
    (tmp_path / "mine.py").write_text(blocks(ROOT / "docs" / "locust.md", "py")[0])
    (tmp_path / "journeys").mkdir()
    for number, source in enumerate(blocks(ROOT / "docs" / "plan.md", "python")):
        (tmp_path / "journeys" / ("shop.py" if number == 0 else f"more{number}.py")).write_text(source)
    shorter = shortened(load_plan(tmp_path / "plan.yaml", environ={}))
    done = call("run", "-f", "plan.yaml", "--embedded", *shorter, cwd=tmp_path)
    assert done.returncode in (0, 1, 3), done.stdout + done.stderr
    report = json.loads((tmp_path / "reports" / "latest" / "report.json").read_text())
    for scenario in report["scenarios"]:
        assert scenario["total"]["requests"] or not scenario["operations"], scenario["name"]
        assert not scenario["total"]["failures"], f"{scenario['name']}: {scenario['total']['failures']}"


def shortened(plan: Plan) -> list[str]:
    """Options that cut long loads to two seconds."""
    options = []
    for name, scenario in plan.scenarios.items():
        if scenario.load.duration_ns > 2 * 10**9 and "stages" not in plan.document["scenarios"][name]["load"]:
            options += ["--set", f"scenarios.{name}.load.duration=2s", "--set", f"scenarios.{name}.warmup=500ms"]
    return options


@pytest.mark.parametrize("text", [text for page in PAGES for text in blocks(page, "python")])
def test_every_python_example_compiles_and_its_imports_exist(text: str) -> None:
    """Names that the examples import are there."""
    exec(compile(text, "example", "exec"), {})


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory as a reader would have it: the README's plan, the project's scenarios, and one run made."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "plan.yaml").write_text(blocks(ROOT / "README.md", "yaml")[0])
    (folder / "scenarios.yaml").write_text((ROOT / "scenarios.yaml").read_text())
    made = call("run", "-f", "plan.yaml", "--embedded", "--set", "scenarios.api.load.duration=4s", cwd=folder)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


@pytest.mark.timeout(120)
@pytest.mark.parametrize("line", commands())
def test_every_command_of_the_readme_runs(line: str, workplace: Path) -> None:
    """Runs are shortened and given the embedded target; everything else is as shown."""
    if line.startswith("python -m "):
        return run_profile(line.removeprefix("python -m "), workplace)
    _, name, *arguments = shlex.split(line)
    if name == "target":
        return serve(arguments, workplace)
    if name == "run":
        shorter = ("load.duration=3s", "load.ramp=200ms", "warmup=500ms")
        arguments += [word for setting in shorter for word in ("--set", f"scenarios.api.{setting}")]
        arguments += [] if "--embedded" in arguments else ["--embedded"]
    done = call(name, *arguments, cwd=workplace)
    if done.returncode == 3 and "the generator" in done.stdout:
        pytest.skip("this machine was too busy to judge a run")
    assert done.returncode in (0, 1 if name == "judge" else 0), done.stdout + done.stderr
    return None


def run_profile(line: str, folder: Path) -> None:
    """One of the guide's commands, with its flags turned down."""
    module, *arguments = shlex.split(line)
    command = [sys.executable, "-m", module, *arguments, *TURNED_DOWN[module.rpartition(".")[2]]]
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1, 3), done.stdout + done.stderr
    assert "report:" in done.stdout


def serve(arguments: list[str], folder: Path) -> None:
    """The target starts with the options shown, and ends when told to."""
    command = [sys.executable, "-m", "loadtests", "target", *arguments, "--port", "0"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdout is not None
    assert "listening on" in process.stdout.readline()
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()


def test_files_that_the_documentation_points_to_are_there() -> None:
    """No broken relative link."""
    for page in PAGES:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name} points to {link}"
