"""An engine process whose load is Locust's: `python -m loadtests.swarm.locust_process`, by the frames of `drive.wire`.

Locust's own command line runs the locustfile, headless, as it is; this module gives it its part of the users, holds it
until the common start, ends it in time, and records what its `request` event says.
"""

import logging
import os
import signal
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
import locust.main
from gevent.event import Event
from locust import events

from loadtests.drive.parent import die_with_parent
from loadtests.drive.rehearsal import rehearse
from loadtests.drive.wire import Job, next_frame
from loadtests.errors import GeneratorFault, HostNotAllowed, LoadtestsError, UsageError
from loadtests.plan.loader import plan_from_document
from loadtests.plan.model import ClosedLoad, Plan, Scenario
from loadtests.swarm.framing import FrameWriter, opened
from loadtests.swarm.guard import Guard
from loadtests.swarm.recording import Recording

__all__ = ["arguments", "main"]

_FLUSH_WITHIN_S = 30.0
_SAID_AT_MOST = 1


def main() -> None:
    """Entry point of the process; returns when the run is over or the coordinator has gone."""
    reports = FrameWriter(opened(os.dup(1), "wb"))
    os.dup2(2, 1)  # whatever a locustfile prints must not get between the frames
    orders = opened(os.dup(0), "rb")
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - Locust listens to keys; these are ours
        os.dup2(nothing.fileno(), 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator decides how a run ends
    die_with_parent()
    first = next_frame(orders)
    if first is not None:
        try:
            _Run(Job.from_wire(first[1]), orders, reports).go()
        except LoadtestsError as error:
            said = {"error": type(error).__name__, "arguments": list(error.args), "reason": str(error)}
            reports.put("broken", said)
    reports.close(_FLUSH_WITHIN_S)
    os._exit(0)  # what a locustfile has left running does not hold up the end


def arguments(scenario: Scenario, plan: Plan, *, base: Path, shard: int = 0, shards: int = 1) -> list[str]:
    """Locust's command line for one shard: its part of the users, spawned at its part of the rate."""
    load, asked = scenario.load, scenario.locust
    assert isinstance(load, ClosedLoad)
    users = share(load.users, shard, shards)
    rate = load.users if load.spawn_rate is None else load.spawn_rate
    host = asked.host or plan.target.http
    given = {
        "--host": [] if host is None else [host],
        "--tags": list(asked.tags),
        "--exclude-tags": list(asked.exclude_tags),
        **{f"--{name.lstrip('-')}": [value] for name, value in asked.options.items() if value != "true"},
    }
    flags = [f"--{name.lstrip('-')}" for name, value in asked.options.items() if value == "true"]
    return [
        "locust",
        *asked.users,  # first: what follows --tags would be taken for one
        *("-f", str(base / asked.locustfile), "--headless", "--only-summary", "--skip-log-setup"),
        *("-u", str(users), "-r", f"{max(rate / shards, 1e-3):.6g}"),
        *("--stop-timeout", f"{scenario.timeout_ns / 1e9:g}"),
        *(word for name, values in given.items() if values for word in (name, *values)),
        *flags,
    ]


def share(whole: int, shard: int, shards: int) -> int:
    """The part of `whole` that falls to a shard; all parts add up to it."""
    return whole // shards + (shard < whole % shards)


def _log_few() -> None:
    """What Locust and the locustfile have to say, from warnings on, and each thing once."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("  locust: %(message)s"))
    handler.addFilter(_Few())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class _Few(logging.Filter):
    """Lets the same message of a logger pass so often, and no more."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        about = record.name, record.getMessage()[:100]
        self._seen[about] += 1
        return self._seen[about] <= _SAID_AT_MOST


class _Run:
    """One shard of a locust scenario, from Locust's first import of the file to the last window."""

    def __init__(self, job: Job, orders: Any, reports: FrameWriter) -> None:
        sys.path[:0] = job.search_path
        self._job, self._orders, self._reports = job, orders, reports
        self._plan = plan_from_document(job.document, source=job.source)
        self._scenario = self._plan.scenarios[job.scenario]
        self._recording = Recording(
            self._scenario.name,
            job.process,
            emit=lambda window: reports.put("window", window.to_wire()),
            sample=lambda failure: reports.put("failure", asdict(failure)),
            users=lambda: 0 if self._runner is None else self._runner.user_count,
        )
        self._guard = Guard(self._plan.target.allow, self._refused)
        self._refusal: HostNotAllowed | None = None
        self._runner: Any = None
        self._start_ns = 0
        self._ended_ns: int | None = None
        self._stopped = Event()

    def go(self) -> None:
        """Run Locust; raises what kept it from beginning."""
        base = Path(self._job.document["enclosed"]["base"] or ".")
        _log_few()
        sys.argv = arguments(self._scenario, self._plan, base=base, shard=self._job.shard, shards=self._job.shards)
        self._guard.watch()
        Recording.claimed = True
        self._recording.listen(events)
        events.init_command_line_parser.add_listener(self._loaded)
        code = self._locust()
        if self._refusal is not None:
            raise self._refusal
        if not self._start_ns:
            raise UsageError(
                f"Locust did not run {self._scenario.locust.locustfile}: it ended with exit code {code}; "
                "what it said stands above"
            )
        windows = self._recording.end(events)
        ended_ns = time.monotonic_ns() if self._ended_ns is None else self._ended_ns
        done = {"ended_s": max(0, ended_ns - self._start_ns) / 1e9, "windows": windows}
        self._reports.put("done", {**done, "faults": self._recording.recorder.faults})

    def _locust(self) -> object:
        try:
            locust.main.main()
        except SystemExit as end:
            return end.code
        except Exception as error:
            if self._start_ns:
                raise GeneratorFault(f"Locust failed: {type(error).__name__}: {error}") from error
            raise UsageError(
                f"{self._scenario.locust.locustfile} cannot be loaded: {type(error).__name__}: {error}"
            ) from error
        return 0

    def _loaded(self, **_: Any) -> None:
        """The file is loaded: be the last to hear of `init`, after its own listeners."""
        events.init.add_listener(self._begin)

    def _begin(self, *, environment: Any, runner: Any, **_: Any) -> None:
        """Everything is there but the load: wait for the common start."""
        self._runner = runner
        self._check_hosts(environment)
        self._fit(environment)
        events.test_stopping.add_listener(self._stopping)
        rehearse()
        self._reports.put("ready", {})
        start = next_frame(self._orders)
        if start is None or start[0] != "start":
            os._exit(0)
        at_ns: int = start[1]["at_ns"]
        gevent.sleep(max(0.0, (at_ns - time.monotonic_ns()) / 1e9))
        self._start_ns = at_ns
        self._recording.begin(at_ns)
        gevent.spawn(self._listen)
        gevent.spawn(self._end_in_time)

    def _check_hosts(self, environment: Any) -> None:
        """The hosts that users will send to must be allowed before any of them starts."""
        for host in {environment.host or getattr(kind, "host", None) for kind in environment.user_classes}:
            try:
                self._guard.check(urlsplit(host or "").hostname or "")
            except HostNotAllowed as refusal:
                self._refusal = refusal
                raise SystemExit(refusal.exit_code) from refusal  # Locust swallows any other exception here

    def _fit(self, environment: Any) -> None:
        """Numbers that a locustfile fixes for the whole run, cut to this shard's part."""
        shard, shards = self._job.shard, self._job.shards
        for kind in list(environment.user_classes):
            if kind.fixed_count:
                kind.fixed_count = share(kind.fixed_count, shard, shards)
                if not kind.fixed_count:
                    environment.user_classes.remove(kind)
        shape = environment.shape_class
        if shape is not None and shards > 1:
            tick = shape.tick

            def part() -> Any:
                wanted = tick()
                if wanted is None:
                    return None
                users, rate, *rest = wanted
                return (share(users, shard, shards), rate / shards, *rest)

            shape.tick = part

    def _listen(self) -> None:
        """End early on order, or when the coordinator has gone."""
        next_frame(self._orders)
        self._quit()

    def _end_in_time(self) -> None:
        due_ns = self._start_ns + self._scenario.load.duration_ns
        gevent.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
        self._quit()

    def _quit(self) -> None:
        if not self._stopped.is_set():
            self._stopped.set()
            self._stopping()
            self._runner.quit()

    def _stopping(self, **_: Any) -> None:
        if self._ended_ns is None:
            self._ended_ns = time.monotonic_ns()

    def _refused(self, address: str) -> None:
        self._recording.recorder.fault(f"load to {address} is not on the plan's target.allow list")


if __name__ == "__main__":
    sys.path[0] = str(Path.cwd())
    main()
