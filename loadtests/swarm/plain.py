"""A recorder for people who stay with plain Locust: every test becomes a run directory with our verdict and exit code.

    locust -f mine.py,$(python -m loadtests.swarm.plugin) --threshold "p95 < 1s" …    without a change
    from loadtests.swarm import plain; plain.install(thresholds=[…])                  in the locustfile

Alone, as master or as worker: workers send their windows to the master, numbered and acknowledged like those of
`loadtests worker`, and neither leaves before all have come.
"""

import io
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from locust import events
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from loadtests.errors import LoadtestsError
from loadtests.report.conclusion import conclude
from loadtests.swarm.dispatch import MasterDesk, WorkerDesk
from loadtests.swarm.plainrun import PlainRun, Setting, Wishes
from loadtests.swarm.recording import Recording

__all__ = ["install"]


@dataclass(slots=True)
class _Installed:
    """What `install` was told, once for all times it is called."""

    thresholds: list[str] = field(default_factory=list)
    done: bool = False


_INSTALLED = _Installed()


def install(*, thresholds: Sequence[str] = ()) -> None:
    """Record every test of this Locust process; `thresholds` must hold, with those of `--threshold`.

    Nothing happens where the locustfile is run as a scenario: the plan says then what must hold.
    """
    _INSTALLED.thresholds += [text for text in thresholds if text not in _INSTALLED.thresholds]
    if _INSTALLED.done or Recording.claimed:
        return
    _INSTALLED.done = True
    events.init_command_line_parser.add_listener(_add_options)
    events.init.add_listener(_initialised)


def _add_options(parser: Any) -> None:
    group = parser.add_argument_group("loadtests", "The run directory, and what must hold")
    group.add_argument("--threshold", action="append", default=[], metavar="SENTENCE", help='such as "p95 < 1s"')
    group.add_argument(
        "--run-directory", default="", metavar="DIR", help="where the run is kept; reports/<id> if not given"
    )
    group.add_argument("--warmup", default="0s", metavar="TIME", help="recorded, not judged")
    group.add_argument("--strict", action="store_true", help="exit 4 when the verdict is inconclusive")


def _initialised(environment: Any, runner: Any, **_: Any) -> None:
    options = environment.parsed_options
    wishes = Wishes(
        thresholds=[*_INSTALLED.thresholds, *(options.threshold or [])],
        directory=Path(options.run_directory) if options.run_directory else None,
        warmup=options.warmup,
        locustfile=Path(str(options.locustfile).split(",")[0]),
    )
    if isinstance(runner, WorkerRunner):
        WorkerDesk(environment, runner).attend()
    elif isinstance(runner, MasterRunner | LocalRunner):
        _Keeper(environment, runner, wishes, strict=options.strict).attend()


class _Keeper:
    """Keeps the runs of the process that a person started: begins one with each test, and concludes it."""

    def __init__(self, environment: Any, runner: Any, wishes: Wishes, *, strict: bool) -> None:
        self._environment, self._runner, self._wishes, self._strict = environment, runner, wishes, strict
        self._desk = MasterDesk(runner) if isinstance(runner, MasterRunner) else None
        self._setting = Setting.found()
        self._run: PlainRun | None = None
        self._shown = io.StringIO()

    def attend(self) -> None:
        """Take part in the process's tests from now on."""
        hooks = self._environment.events
        hooks.test_start.add_listener(self._test_started)
        hooks.test_stopping.add_listener(self._test_stopping)
        hooks.test_stop.add_listener(self._test_stopped)
        hooks.quitting.add_listener(self._quitting)
        hooks.quit.add_listener(self._quit)

    def _test_started(self, **_: Any) -> None:
        try:
            self._run = PlainRun.begin(
                self._environment, self._runner, self._wishes, setting=self._setting, desk=self._desk
            )
        except LoadtestsError as error:
            self._fail(error)

    def _test_stopping(self, **_: Any) -> None:
        if self._run is not None:
            self._run.stopping(time.monotonic_ns())

    def _test_stopped(self, **_: Any) -> None:
        """Alone, all is there. A master still waits for its workers: at the end of Locust, or now if that goes on."""
        if self._desk is None or not self._environment.parsed_options.headless:
            self._conclude(deaf=False)

    def _quitting(self, **_: Any) -> None:
        self._conclude(deaf=True)

    def _conclude(self, *, deaf: bool) -> None:
        run, self._run = self._run, None
        if run is None:
            return
        try:
            directory = run.end(self._environment, deaf=deaf)
            code = conclude(directory, strict=self._strict, stream=self._shown)
        except LoadtestsError as error:
            self._fail(error)
            return
        if self._environment.process_exit_code in (None, 0):
            self._environment.process_exit_code = code

    def _fail(self, error: LoadtestsError) -> None:
        """Locust goes on, but its exit code says that there is no verdict."""
        self._environment.process_exit_code = error.exit_code
        print(f"loadtests: {error}", file=sys.stderr, flush=True)

    def _quit(self, **_: Any) -> None:
        """Locust has printed its own tables: the verdict comes last."""
        print(self._shown.getvalue(), end="", flush=True)
