"""Everything the documentation shows runs as it stands: every plan, every command."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from loadtests.plan.loader import load_plan

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "docs" / "plan.md", ROOT / "CONTRIBUTING.md", ROOT / "ARCHITECTURE.md"]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def plans() -> list[object]:
    return [
        pytest.param(text, id=f"{page.name}-{number}")
        for page in PAGES
        for number, text in enumerate(blocks(page, "yaml"))
    ]


def commands() -> list[str]:
    shown = "".join(blocks(ROOT / "README.md", ""))
    return [line.split("  #")[0].strip() for line in shown.splitlines() if line.startswith("loadtests ")]


def call(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "loadtests", *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("text", plans())
def test_every_plan_shown_is_valid(text: str, tmp_path: Path) -> None:
    """A plan in the documentation loads without a mistake."""
    (tmp_path / "plan.yaml").write_text(text)
    assert load_plan(tmp_path / "plan.yaml", environ={}).scenarios


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
    _, name, *arguments = shlex.split(line)
    if name == "target":
        return serve(arguments, workplace)
    if name == "run":
        arguments += ["--set", "scenarios.api.load.duration=4s", "--set", "scenarios.api.warmup=1s"]
        arguments += [] if "--embedded" in arguments else ["--embedded"]
    done = call(name, *arguments, cwd=workplace)
    assert done.returncode in (0, 1 if name == "judge" else 0), done.stdout + done.stderr
    return None


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
