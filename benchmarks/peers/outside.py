"""Measuring a load generator from outside, all alike: the server's own count, and the CPU time /proc has for the tool.

What a tool says of itself is not used for the comparison. The first second of load is left out.
"""

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from benchmarks.pinning import pinned
from loadtests.errors import GeneratorFault

__all__ = ["MARGIN_S", "Counter", "Measured", "Pace", "measure"]

MARGIN_S = 2.5
"""How much longer than the measured time a tool must be told to run: one second before, the rest after."""

_WARM_S = 1.0
_BEGINS_WITHIN_S = 30.0
_ENDS_WITHIN_S = 60.0
_FIRST = 50
"""Requests after which the load has begun, whatever probes a tool sends before."""


class Counter(Protocol):
    """A server, as far as it is measured by."""

    def requests(self) -> int:
        """How many requests for the work it has served so far."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What one generator did in the measured time."""

    requests_per_s: float
    cpu_us_per_request: float
    cpu_cores: float


@dataclass(frozen=True, slots=True)
class Measured:
    """The pace, all requests the server saw of this tool, and what the tool printed."""

    pace: Pace
    requests: int
    output: str


def measure(
    command: Sequence[str],
    server: Counter,
    *,
    core: int,
    seconds: float,
    cwd: Path,
    begun: Callable[[psutil.Process], None] | None = None,
) -> Measured:
    """Run `command` on `core` against `server` and look at it for `seconds`, one second after its load began.

    `begun` is called with the tool's process once it sends. Raises `GeneratorFault` when the tool fails.
    """
    before = server.requests()
    with subprocess.Popen(
        command, cwd=cwd, preexec_fn=pinned(core), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            _await_load(process, server, before)
            tool = psutil.Process(process.pid)
            if begun is not None:
                begun(tool)
            time.sleep(_WARM_S)
            first = _look(tool, server)
            time.sleep(seconds)
            last = _look(tool, server)
            if process.poll() is not None:
                raise GeneratorFault(f"{command[0]} ended too early: {_tail(process)}")
            output, _ = process.communicate(timeout=_ENDS_WITHIN_S)
        except psutil.NoSuchProcess:
            raise GeneratorFault(f"{command[0]} ended too early: {_tail(process)}") from None
        finally:
            if process.poll() is None:
                process.kill()
    return Measured(_pace(first, last), server.requests() - before, output)


@dataclass(frozen=True, slots=True)
class _Look:
    at_s: float
    requests: int
    cpu_s: float


def _look(tool: psutil.Process, server: Counter) -> _Look:
    family = [tool, *tool.children(recursive=True)]
    times = [process.cpu_times() for process in family]
    return _Look(time.monotonic(), server.requests(), sum(spent.user + spent.system for spent in times))


def _pace(first: _Look, last: _Look) -> Pace:
    elapsed, requests, cpu = last.at_s - first.at_s, last.requests - first.requests, last.cpu_s - first.cpu_s
    return Pace(requests / elapsed, cpu / max(requests, 1) * 1e6, cpu / elapsed)


def _await_load(process: subprocess.Popen[str], server: Counter, before: int) -> None:
    deadline = time.monotonic() + _BEGINS_WITHIN_S
    while server.requests() - before < _FIRST:
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise GeneratorFault(f"{process.args!r} sent no load: {_tail(process)}")
        time.sleep(0.02)


def _tail(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=_ENDS_WITHIN_S)
    return "\n".join(output.splitlines()[-10:])
