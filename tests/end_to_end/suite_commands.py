"""Plans and running commands that the end-to-end tests share."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil

LATE = ("the generator was late", "the generator was too late")
COMMAND = [sys.executable, "-m", "loadtests"]

HTTP_PLAN = """
version: 1
target: {{http: {url}}}
scenarios:
  api:
    driver: http
    load: {{rate: {rate}/s, duration: {seconds}s, max_in_flight: 500}}
    timeout: 2s
    operations:
      - {{name: health, request: GET /health, check: {{status: 200}}}}
    thresholds: [{thresholds}]
"""

NULL_PLAN = """
version: 1
scenarios:
  engine:
    driver: "null"
    load: {{rate: {rate}/s, duration: {seconds}s}}
    operations:
      - {{name: work, law: "{law}"}}
    thresholds: [{thresholds}]
"""


@dataclass
class Finished:
    """A command that has ended, and the run directory it was told to make."""

    code: int
    out: str
    err: str
    directory: Path

    @property
    def report(self) -> dict[str, Any]:
        return orjson.loads((self.directory / "report.json").read_bytes())

    @property
    def late(self) -> bool:
        """Whether the generator's lateness, and nothing else, speaks against the run: the doing of a busy machine."""
        if self.code != 3 or not (self.directory / "report.json").exists():
            return False
        reasons = [reason for scenario in self.report["scenarios"] for reason in scenario["health"]["reasons"]]
        return bool(reasons) and all(reason.startswith(LATE) for reason in reasons)

    @property
    def scenario(self) -> dict[str, Any]:
        return self.report["scenarios"][0]


class Running:
    """A `loadtests run` under way."""

    def __init__(self, process: "subprocess.Popen[str]", directory: Path) -> None:
        self.process, self.directory = process, directory

    def engine(self) -> psutil.Process:
        """Its (first) engine process, once the load runs."""
        return self.engines(1)[0]

    def engines(self, count: int) -> list[psutil.Process]:
        """Its engine processes, once windows come in."""
        wait_for(lambda: windows_on_disk(self.directory) > 0)
        found = [
            child
            for child in psutil.Process(self.process.pid).children(recursive=True)
            if "loadtests.drive.process" in child.cmdline()
        ]
        assert len(found) >= count
        return found

    def wait(self, timeout: float = 40.0) -> Finished:
        out, err = self.process.communicate(timeout=timeout)
        return Finished(self.process.returncode, out, err, self.directory)


def windows_on_disk(directory: Path) -> int:
    lines = directory / "windows.ndjson"
    return lines.read_bytes().count(b'"type":"window"') if lines.exists() else 0


def wait_for(holds: Callable[[], bool], within_s: float = 15.0) -> None:
    """Poll until `holds`; fails the test when it never does."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "what the test waits for never came"
        time.sleep(0.02)
