"""One test of plain Locust as a run: the plan that Locust's options mean, and the run directory it is kept in."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import gevent

from loadtests.plan.loader import plan_from_document
from loadtests.plan.model import Plan
from loadtests.result.environment import branch_name, build_name, capture
from loadtests.result.run import Environment, ProcessEnd
from loadtests.result.rundir import RunWriter, new_run_id
from loadtests.swarm.dispatch import MasterDesk
from loadtests.swarm.recording import Recording

__all__ = ["PlainRun", "Setting", "Wishes", "plan_of"]

_ENDLESS = "24h"
"""The duration of a test without `-t`: it ends when it is stopped, and what there is by then is judged."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person wants of the runs, beside what Locust itself was told."""

    thresholds: Sequence[str]
    directory: Path | None
    warmup: str
    locustfile: Path


@dataclass(frozen=True, slots=True)
class Setting:
    """Where runs are made; looked up before a test begins, since that takes a part of a second."""

    build: str
    branch: str | None
    environment: Environment

    @classmethod
    def found(cls) -> Self:
        """The present one."""
        return cls(build_name(), branch_name(), capture())


def plan_of(wishes: Wishes, *, users: int, spawn_rate: float, run_time_s: float | None, host: str | None) -> Plan:
    """The plan that these options mean; a test that ends while users are still spawned is judged as a whole."""
    load: dict[str, Any] = {"users": users, "duration": _ENDLESS if not run_time_s else f"{run_time_s:g}s"}
    if not run_time_s or (users - 1) / spawn_rate < run_time_s:
        load["spawn_rate"] = f"{spawn_rate:g}/s"
    scenario = {
        "driver": "locust",
        "load": load,
        "warmup": wishes.warmup,
        "locust": {"locustfile": str(wishes.locustfile), **({} if host is None else {"host": host})},
        "thresholds": list(wishes.thresholds),
    }
    return plan_from_document(
        {"version": 1, "scenarios": {wishes.locustfile.stem: scenario}}, source="Locust's options"
    )


class PlainRun:
    """A test that goes on: what is recorded goes to disk once a second."""

    def __init__(self, writer: RunWriter, scenario: str) -> None:
        self._writer, self._scenario = writer, scenario
        self._start_ns = time.monotonic_ns()
        self._ended_ns: int | None = None
        self._recording: Recording | None = None
        self._desk: MasterDesk | None = None
        self._flusher = gevent.spawn(self._flush)

    @classmethod
    def begin(cls, environment: Any, runner: Any, wishes: Wishes, *, setting: Setting, desk: MasterDesk | None) -> Self:
        """Begin a run for the test that starts now: recorded here, or by the workers whose `desk` this is."""
        options = environment.parsed_options
        users = max(1, int(options.num_users or runner.target_user_count or 1))
        plan = plan_of(
            wishes,
            users=users,
            spawn_rate=float(options.spawn_rate or users),
            run_time_s=options.run_time,
            host=environment.host,
        )
        (scenario,) = plan.scenarios
        run_id = new_run_id(scenario)
        directory = wishes.directory or Path("reports") / run_id
        writer = RunWriter.create(
            directory,
            plan,
            run_id=run_id,
            build=setting.build,
            branch=setting.branch,
            environment=setting.environment,
        )
        run = cls(writer, scenario)
        processes = 1 if desk is None else len(desk.present())
        writer.begin_scenario(scenario, expected_processes=processes, started_at=datetime.now(UTC).isoformat())
        if desk is None:
            run._recording = Recording(
                scenario, "0", emit=writer.window, sample=writer.failure, users=lambda: runner.user_count
            )
            run._recording.listen(environment.events)
            run._recording.begin(run._start_ns)
        else:
            run._desk = desk
            desk.open(scenario, writer)
        return run

    def stopping(self, at_ns: int) -> None:
        """No user starts anything new from now on."""
        if self._ended_ns is None:
            self._ended_ns = at_ns

    def end(self, environment: Any, *, deaf: bool) -> Path:
        """Everything is recorded, or will not be: finish the run directory. `deaf`: see `MasterDesk.close`."""
        self.stopping(time.monotonic_ns())
        assert self._ended_ns is not None
        if self._recording is not None:
            windows = self._recording.end(environment.events)
            ends: Sequence[ProcessEnd] = [ProcessEnd("0", clean=True, windows=windows)]
        else:
            assert self._desk is not None
            ends = self._desk.close(deaf=deaf)
        self._flusher.kill()
        ended_s = (self._ended_ns - self._start_ns) / 1e9
        self._writer.end_scenario(self._scenario, "complete", ended_s=ended_s, processes=ends)
        self._writer.finish("complete")
        return self._writer.directory

    def _flush(self) -> None:
        while True:
            gevent.sleep(1.0)
            self._writer.flush()
