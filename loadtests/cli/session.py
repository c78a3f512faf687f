"""One run from the first scenario to the last: drives each, keeps everything on disk, and ends in order."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from loadtests.drive.coordinator import Ending, drive
from loadtests.drive.fleet import Crew
from loadtests.drive.progress import Progress, print_status
from loadtests.errors import GeneratorFault, LoadtestsError
from loadtests.judge.live import AbortWatch
from loadtests.plan.model import Plan, Scenario
from loadtests.result.database import DatabaseNotes
from loadtests.result.environment import branch_name, build_name, capture
from loadtests.result.run import FailureSample, ResourceSample, RunStatus
from loadtests.result.rundir import RunWriter, new_run_id
from loadtests.result.window import Window

__all__ = ["Requested", "run_on_request", "run_plan"]


class Requested(Crew, Protocol):
    """A crew whose runs a person asks for."""

    async def requested(self, leave: asyncio.Event) -> asyncio.Event | None:
        """Wait until a run is asked for; gives what is set when it is to stop, `None` once `leave` is set."""


def run_plan(
    plan: Plan, label: str, *, output: Path | None, crew: AbstractAsyncContextManager[Crew], build: str | None = None
) -> tuple[Path, bool]:
    """Drive the plan's scenarios by the crew; gives the run directory and whether the user stopped the run.

    It is `reports/<run id>` unless `output` is another; `build` is what the environment says unless it is given. The
    first Ctrl-C or SIGTERM ends the scenario that runs and skips the rest; what was recorded is kept.
    """

    async def once() -> tuple[Path, bool]:
        stop = asyncio.Event()
        with _stopping(stop), _begun(plan, label, output, build) as writer:
            async with crew as engines:
                status = await _drive_all(plan, writer, crew=engines, stop=stop)
            writer.finish(status, warnings=engines.remarks())
        return writer.directory, status == "interrupted"

    return asyncio.run(once())


def run_on_request(
    plan: Plan, label: str, *, crew: AbstractAsyncContextManager[Requested], finished: Callable[[Path], None]
) -> None:
    """A run in a directory of its own each time one is asked for, until Ctrl-C; `finished` is told of each."""

    async def serve() -> None:
        leave = asyncio.Event()
        with _stopping(leave):
            async with crew as engines:
                while (stop := await engines.requested(leave)) is not None:
                    await one(engines, leave, stop)

    async def one(engines: Requested, leave: asyncio.Event, stop: asyncio.Event) -> None:
        async def leaving() -> None:
            await leave.wait()
            stop.set()

        also = asyncio.ensure_future(leaving())
        try:
            with _begun(plan, label, None) as writer:
                writer.finish(await _drive_all(plan, writer, crew=engines, stop=stop), warnings=engines.remarks())
            await asyncio.to_thread(finished, writer.directory)
        except LoadtestsError as error:  # the next may do better
            print(f"loadtests: {error}", file=sys.stderr, flush=True)
        finally:
            also.cancel()

    asyncio.run(serve())


@contextlib.contextmanager
def _begun(plan: Plan, label: str, output: Path | None, build: str | None = None) -> Iterator[RunWriter]:
    """The writer of a run that begins; when it cannot be driven its directory says why."""
    run_id = new_run_id(label)
    directory = output or Path("reports") / run_id
    writer = RunWriter.create(
        directory, plan, run_id=run_id, build=build or build_name(), branch=branch_name(), environment=capture()
    )
    print(f"run {run_id}: {', '.join(plan.scenarios)} -> {directory}", file=sys.stderr, flush=True)
    try:
        yield writer
    except LoadtestsError as error:
        with contextlib.suppress(GeneratorFault):  # the disk may be what failed
            writer.finish("interrupted", warnings=[str(error)])
        raise
    if output is None:
        _point_latest(directory)


async def _drive_all(plan: Plan, writer: RunWriter, *, crew: Crew, stop: asyncio.Event) -> RunStatus:
    """Drive every scenario of the plan in turn; how that ended."""
    for scenario in plan.scenarios.values():
        ending = await _drive_one(plan, scenario, writer, crew=crew, stop=stop)
        if ending.status == "interrupted":
            return "interrupted"
    return "complete"


async def _drive_one(plan: Plan, scenario: Scenario, writer: RunWriter, *, crew: Crew, stop: asyncio.Event) -> Ending:
    observer = _Keeper(scenario, writer, instances=plan.target.instances)
    try:
        ending = await drive(plan, scenario, observer, crew=crew, stop=stop)
    finally:
        observer.close()
    writer.end_scenario(
        scenario.name,
        status=ending.status,
        ended_s=ending.ended_s,
        processes=ending.processes,
        stop_reason=ending.reason,
    )
    return ending


class _Keeper:
    """The coordinator's observer: everything to disk, to the display, and to the abort thresholds."""

    def __init__(self, scenario: Scenario, writer: RunWriter, *, instances: int) -> None:
        self._scenario, self._writer = scenario, writer
        self._progress, self._abort = Progress(scenario), AbortWatch(scenario, instances=instances)
        self._show = print_status(sys.stderr)

    def started(self, processes: Mapping[str, int]) -> None:
        """The load begins."""
        self._writer.begin_scenario(
            self._scenario.name, expected_processes=len(processes), started_at=datetime.now(UTC).isoformat()
        )

    def window(self, window: Window) -> None:
        """A further window has come in."""
        self._writer.window(window)
        self._progress.window(window)
        self._abort.feed(window)

    def failure(self, failure: FailureSample) -> None:
        """A sample of a failed execution has come in."""
        self._writer.failure(failure)

    def resource(self, sample: ResourceSample) -> None:
        """The target or this machine was looked at."""
        self._writer.resource(sample)
        self._abort.feed_sample(sample)

    def notes(self, notes: DatabaseNotes) -> None:
        """A database has said what the scenario was for it."""
        self._writer.notes(self._scenario.name, notes)

    def tick(self, elapsed_s: float) -> str | None:
        """Once a second: to disk, to the display; a sentence when an abort threshold has been missed."""
        self._writer.flush()
        self._show(self._progress.status(elapsed_s))
        return self._abort.missed(elapsed_s)

    def close(self) -> None:
        """End the display."""
        self._show(None)


@contextlib.contextmanager
def _stopping(stop: asyncio.Event) -> Iterator[None]:
    """SIGINT and SIGTERM ask for an orderly end; a second one ends at once."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def asked() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
            return
        stop.set()
        print("  stopping: letting what is in flight end (again to stop at once)", file=sys.stderr, flush=True)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _point_latest(directory: Path) -> None:
    """Let `latest` beside the run directory lead to it."""
    link = directory.parent / "latest"
    with contextlib.suppress(OSError):  # a convenience, no more
        link.unlink(missing_ok=True)
        link.symlink_to(directory.name, target_is_directory=True)
