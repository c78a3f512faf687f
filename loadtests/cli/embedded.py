"""The embedded reference backend as a child process, for runs with `--embedded`."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtests.errors import TargetUnreachable
from loadtests.plan.loader import load_plan
from loadtests.plan.model import Plan, Scenario
from loadtests.plan.selection import narrowed

__all__ = ["SOMEWHERE", "Embedded", "embedded_plan", "embedded_target"]

_READY_WITHIN_S = 60.0
"""A database has to be made first; on a busy machine that takes a while."""
_STOP_WITHIN_S = 8.0
_WITH_DATABASE: frozenset[str] = frozenset({"database"})
"""Drivers whose scenarios need the target to have one."""
_OF_DATABASE = frozenset({"target pool", "target lock wait"})
"""What only a target with a database can be asked for."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Where an embedded target serves, and its database where it has one."""

    http: str | None = None
    database: str | None = None


SOMEWHERE = Embedded("http://127.0.0.1:8080", "postgresql://127.0.0.1/netra")
"""Stands for an embedded target that does not serve yet."""


@contextlib.contextmanager
def embedded_plan(
    file: Path, names: Sequence[str], *, overrides: Sequence[str], options: Sequence[str]
) -> Iterator[Plan]:
    """The named part of the plan in `file`, its target a reference backend that serves for the length of the block.

    The plan is read first, so that its mistakes come before any start, and to know whether it needs a database.
    """

    def read(target: Embedded) -> Plan:
        found = load_plan(file, overrides=overrides, embedded=target.http, embedded_database=target.database)
        return narrowed(found, names)

    with embedded_target(_with_database(read(SOMEWHERE), options)) as served:
        yield read(served)


def _with_database(plan: Plan, options: Sequence[str]) -> Sequence[str]:
    chosen = any(option.partition("=")[0] == "--database" for option in options)
    needed = any(_needs_database(scenario) for scenario in plan.scenarios.values())
    return [*options, "--database=embedded"] if needed and not chosen else options


def _needs_database(scenario: Scenario) -> bool:
    claimed = {threshold.metric for threshold in scenario.thresholds}
    return scenario.driver in _WITH_DATABASE or not claimed.isdisjoint(_OF_DATABASE)


@contextlib.contextmanager
def embedded_target(options: Sequence[str] = ()) -> Iterator[Embedded]:
    """Serve the reference backend on a free loopback port for the length of the block; gives its addresses.

    `options` are further options of `loadtests target`, such as a fault dial.
    """
    with tempfile.TemporaryDirectory(prefix="loadtests-") as folder:
        ready = Path(folder) / "ready"
        command = [sys.executable, "-m", "loadtests", "target", "--port", "0", f"--with-parent={os.getpid()}"]
        process = subprocess.Popen([*command, "--ready-file", str(ready), *options], stdout=subprocess.DEVNULL)
        try:
            yield _await_ready(process, ready)
        finally:
            _end(process)


def _await_ready(process: "subprocess.Popen[bytes]", ready: Path) -> Embedded:
    began = time.monotonic()
    while time.monotonic() - began < _READY_WITHIN_S:
        if ready.exists() and (addresses := ready.read_text().split()):
            return Embedded(*addresses)
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise TargetUnreachable("the embedded target", "its process did not start; `loadtests target` shows why")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
