"""The suite as a user has it: commands in their own process, plans in files, a target on a loopback port."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from suite_commands import COMMAND, Finished, Running, wait_for

TRIES = 3


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start `loadtests run` on a plan text; ended with the test."""
    running: list[Running] = []

    def start(plan: str, *options: str, cwd: Path | None = None, output: Path | None = None) -> Running:
        file, directory = tmp_path / "plan.yaml", output or tmp_path / f"run{len(running)}"
        file.write_text(plan)
        command = [*COMMAND, "run", "-f", str(file), "-o", str(directory), *options]
        process = subprocess.Popen(
            command,
            cwd=cwd or tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(Running(process, directory))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


@pytest.fixture
def run(begin: Callable[..., Running]) -> Callable[..., Finished]:
    """Run `loadtests run` on a plan text to its end; again where this machine was too busy to keep to the schedule."""

    def to_the_end(*arguments: Any, **options: Any) -> Finished:
        for _ in range(TRIES - 1):
            done = begin(*arguments, **options).wait()
            if not done.late:
                return done
        return begin(*arguments, **options).wait()

    return to_the_end


@pytest.fixture
def loadtests(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Any command of the suite, to its end."""

    def call(*arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=cwd or tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return call


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., tuple[str, "subprocess.Popen[bytes]"]]]:
    """Start the embedded target with the given options; gives its URL and process."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> tuple[str, "subprocess.Popen[bytes]"]:
        ready = tmp_path / f"ready{len(started)}"
        process = subprocess.Popen(
            [*COMMAND, "target", "--port", "0", "--ready-file", str(ready), *options], stdout=subprocess.DEVNULL
        )
        started.append(process)
        wait_for(lambda: ready.exists() and bool(ready.read_text().strip()))
        return ready.read_text().strip(), process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(10)
