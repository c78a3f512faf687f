"""Windows of plain Locust's workers on their way to its master, by the means Locust has, and all of them.

    worker ▸ master   loadtests.plain.frames {first, frames}     window · failure · end {windows}
    master ▸ worker   loadtests.plain.open {scenario} · loadtests.plain.ack {until}

Locust's master waits half a second for what its workers still have to say. By then both sides have stopped listening,
so at the end each listens for itself until all is there, or for `PATIENCE_S`.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import gevent
from locust.exception import RPCError
from locust.runners import MasterRunner, WorkerRunner

from loadtests.result.run import FailureSample, ProcessEnd
from loadtests.result.rundir import RunWriter
from loadtests.result.window import Window
from loadtests.swarm.delivery import Inbox, Outbox
from loadtests.swarm.recording import Recording

__all__ = ["PATIENCE_S", "MasterDesk", "WorkerDesk"]

PATIENCE_S = 10.0
FRAMES = "loadtests.plain.frames"
OPEN = "loadtests.plain.open"
ACK = "loadtests.plain.ack"

_TICK_S = 0.05
_AGAIN_AFTER_NS = 1_000_000_000


class WorkerDesk:
    """A worker's side: records its users' requests of each test, and sees to it that the master gets them."""

    def __init__(self, environment: Any, runner: WorkerRunner) -> None:
        self._environment, self._runner = environment, runner
        self._outbox: Outbox[list[Any]] = Outbox(again_after_ns=_AGAIN_AFTER_NS)
        self._recording: Recording | None = None
        self._scenario = "locustfile"

    def attend(self) -> None:
        """Take part in the tests from now on."""
        self._runner.register_message(OPEN, self._opened)
        self._runner.register_message(ACK, self._acknowledged)
        hooks = self._environment.events
        hooks.test_start.add_listener(self._test_started)
        hooks.test_stop.add_listener(self._test_stopped)
        hooks.quitting.add_listener(self._quitting)
        gevent.spawn(self._tick)

    def _opened(self, *, msg: Any, **_: Any) -> None:
        self._scenario = msg.data["scenario"]

    def _acknowledged(self, *, msg: Any, **_: Any) -> None:
        self._outbox.acknowledged(msg.data["until"], time.monotonic_ns())

    def _test_started(self, **_: Any) -> None:
        self._recording = Recording(
            self._scenario,
            self._runner.client_id,
            emit=lambda window: self._outbox.put(["window", window.to_wire()]),
            sample=lambda failure: self._outbox.put(["failure", asdict(failure)]),
            users=lambda: self._runner.user_count,
        )
        self._recording.listen(self._environment.events)
        self._recording.begin(time.monotonic_ns())

    def _test_stopped(self, **_: Any) -> None:
        recording, self._recording = self._recording, None
        if recording is not None:
            windows = recording.end(self._environment.events)
            self._outbox.put(["end", {"windows": windows, "faults": recording.recorder.faults}])

    def _quitting(self, **_: Any) -> None:
        """Nobody listens to the master any more: do it here until all is acknowledged."""
        self._test_stopped()
        with gevent.Timeout(PATIENCE_S, exception=False):
            while len(self._outbox):
                self._send()
                with gevent.Timeout(_TICK_S, exception=False):
                    message = self._runner.client.recv()
                    if message.type == ACK:
                        self._acknowledged(msg=message)

    def _tick(self) -> None:
        while True:
            gevent.sleep(_TICK_S)
            self._send()

    def _send(self) -> None:
        try:
            for first, frames in self._outbox.batches(time.monotonic_ns()):
                self._runner.send_message(FRAMES, {"first": first, "frames": frames})
        except RPCError:  # sent again when it is not acknowledged
            return


@dataclass(slots=True)
class _Desk:
    """What the master knows of one worker: what came, and how its part of the test ended."""

    inbox: Inbox[list[Any]] = field(default_factory=Inbox)
    end: Mapping[str, Any] | None = None


class MasterDesk:
    """The master's side: takes what workers send to the run that is open."""

    def __init__(self, runner: MasterRunner) -> None:
        self._runner = runner
        self._desks: dict[str, _Desk] = {}
        self._expected: list[str] = []
        self._window: Callable[[Window], None] = lambda _: None
        self._failure: Callable[[FailureSample], None] = lambda _: None
        runner.register_message(FRAMES, self._came)

    def present(self) -> list[str]:
        """The workers that are there."""
        runner = self._runner
        return [client.id for client in [*runner.clients.ready, *runner.clients.spawning, *runner.clients.running]]

    def open(self, scenario: str, writer: RunWriter) -> None:
        """A test begins: tell the workers under which name, and keep what they send in `writer`."""
        self._expected = self.present()
        self._window, self._failure = writer.window, writer.failure
        for client in self._expected:
            self._desk(client).end = None
        self._runner.send_message(OPEN, {"scenario": scenario})

    def close(self, *, deaf: bool) -> list[ProcessEnd]:
        """Wait until every worker has said that it is done, and how; one that does not is named.

        `deaf`: Locust itself does not listen any more.
        """
        until_ns = time.monotonic_ns() + round(PATIENCE_S * 1e9)
        while any(self._desk(client).end is None for client in self._expected) and time.monotonic_ns() < until_ns:
            if not deaf:
                gevent.sleep(_TICK_S)
                continue
            with gevent.Timeout(_TICK_S, exception=False):
                _, message = self._runner.server.recv_from_client()
                if message.type == FRAMES:
                    self._came(msg=message)
        self._window, self._failure = lambda _: None, lambda _: None
        return [self._ended(client) for client in self._expected]

    def _ended(self, client: str) -> ProcessEnd:
        end = self._desk(client).end
        if end is None:
            reason = f"Locust worker {client} did not say that it was done within {PATIENCE_S:.0f} s of the end"
            return ProcessEnd(client, clean=False, reason=reason)
        return ProcessEnd(client, clean=True, windows=end["windows"], faults=end["faults"])

    def _came(self, *, msg: Any, **_: Any) -> None:
        desk = self._desk(msg.node_id)
        for kind, payload in desk.inbox.take(msg.data["first"], msg.data["frames"]):
            if kind == "window":
                self._window(Window.from_wire(payload))
            elif kind == "failure":
                self._failure(FailureSample(**payload))
            else:
                desk.end = payload
        self._runner.send_message(ACK, {"until": desk.inbox.until}, msg.node_id)

    def _desk(self, client: str) -> _Desk:
        return self._desks.setdefault(client, _Desk())
