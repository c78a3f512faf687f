"""A machine that takes part in a master's run: Locust's worker carries the letters, engine processes offer the load.

It ends when the master says so, cannot be reached, or falls silent; its engine processes end with it.
"""

import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
from gevent.event import AsyncResult
from gevent.subprocess import PIPE, Popen
from locust.env import Environment
from locust.event import Events
from locust.exception import RPCError
from locust.runners import WorkerRunner

import loadtests
from loadtests.drive.fleet import how_it_ended
from loadtests.drive.wire import next_frame
from loadtests.errors import GeneratorFault
from loadtests.swarm.delivery import Outbox
from loadtests.swarm.framing import FrameWriter
from loadtests.swarm.identity import identity
from loadtests.swarm.letters import (
    ACK,
    DISMISSED,
    FRAMES,
    HELLO,
    JOB,
    KILL,
    LEAVING,
    PARCEL,
    PING,
    PONG,
    TELL,
    TO_WORKER,
    WELCOME,
)
from loadtests.swarm.parcel import Parcel

__all__ = ["Farewell", "serve"]

_TICK_S = 0.02
_HELLO_EVERY_S = 0.5
_AGAIN_AFTER_NS = 2_000_000_000
_SILENCE_NS = 10_000_000_000
_FAREWELL_S = 0.2
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Farewell:
    """How a worker's time ended: by the master's word (`done`), or otherwise, and the sentence that says so."""

    done: bool
    reason: str


def serve(
    host: str,
    port: int,
    *,
    processes: int,
    wait_s: float,
    say: Callable[[str], None],
    clock: Callable[[], int] = time.monotonic_ns,
) -> Farewell:
    """Take part in the runs of the master at that address until it is over; `say` is told what happens meanwhile.

    `GeneratorFault` when no master answers within `wait_s`. `clock` is what this machine takes for its time.
    """
    runner = _connected(host, port, wait_s)
    worker = _Worker(runner, processes=processes, say=say, clock=clock)
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, worker.leave, f"it was stopped by {signal.Signals(number).name}")
    try:
        return worker.served(wait_s)
    finally:
        worker.close()


def _connected(host: str, port: int, wait_s: float) -> WorkerRunner:
    silence = GeneratorFault(f"no master answers at {host}:{port} within {wait_s:g} s; is `loadtests master` running?")
    with gevent.Timeout(wait_s, silence):
        _await_listening(host, port)
        try:
            return Environment(events=Events()).create_worker_runner(host, port)
        except ConnectionError:
            raise silence from None


def _await_listening(host: str, port: int) -> None:
    """Wait until something listens there: Locust gives up after five minutes, and a name may come to be later."""
    while True:
        try:
            socket.create_connection((host, port), timeout=_LOOK_S).close()
        except OSError:
            gevent.sleep(_LOOK_S)
        else:
            return


class _Engine:
    """One engine process of this machine; everything it says goes into the outbox."""

    def __init__(self, name: str, job: Mapping[str, Any], directory: Path, outbox: Outbox[list[Any]]) -> None:
        self._name, self._outbox = name, outbox
        root = str(Path(loadtests.__file__).parents[1])
        paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        self._process = Popen(
            [sys.executable, "-m", job["program"]],
            stdin=PIPE,
            stdout=PIPE,
            cwd=directory,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,
        )
        self._orders = FrameWriter(self._process.stdin)
        self.tell("job", job)
        self._reader = gevent.spawn(self._read)

    def tell(self, kind: str, payload: Mapping[str, Any]) -> None:
        if kind == KILL:
            self.kill()
        else:
            self._orders.put(kind, payload)

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()

    def _read(self) -> None:
        while (frame := next_frame(self._process.stdout)) is not None:
            self._outbox.put([self._name, *frame])
        self._outbox.put([self._name, "gone", {"how": how_it_ended(self._process.wait())}])


class _Worker:
    """What a worker knows: its engines, what it has said and not yet had acknowledged, and when it last heard."""

    def __init__(
        self, runner: WorkerRunner, *, processes: int, say: Callable[[str], None], clock: Callable[[], int]
    ) -> None:
        self._runner, self._processes, self._say, self._clock = runner, processes, say, clock
        self._outbox: Outbox[list[Any]] = Outbox(again_after_ns=_AGAIN_AFTER_NS)
        self._engines: dict[str, _Engine] = {}
        self._parcels: dict[str, tuple[Parcel, Path, dict[str, Any]]] = {}
        self._scratch = Path(tempfile.mkdtemp(prefix="loadtests-worker-"))
        self._welcome, self._over = AsyncResult(), AsyncResult()
        self._heard_ns = time.monotonic_ns()
        for letter in TO_WORKER:
            runner.register_message(letter, self._received)
        self._ticker = gevent.spawn(self._tick)

    def served(self, wait_s: float) -> Farewell:
        """Say hello until it is answered, then do as told until it is over."""
        until_ns = time.monotonic_ns() + round(wait_s * 1e9)
        hello = {
            "identity": identity(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "processes": self._processes,
        }
        while not self._welcome.ready() and not self._over.ready():
            if time.monotonic_ns() > until_ns:
                raise GeneratorFault(f"the master did not answer within {wait_s:g} s; is it a `loadtests master`?")
            self._send(HELLO, hello)
            gevent.wait([self._welcome, self._over], timeout=_HELLO_EVERY_S, count=1)
        farewell: Farewell = self._over.get()
        return farewell

    def leave(self, reason: str) -> None:
        """End of one's own accord, and say so."""
        self._send(LEAVING, {"reason": reason})
        self._end(Farewell(done=False, reason=reason))

    def close(self) -> None:
        """End the engine processes and forget the plan."""
        for engine in self._engines.values():
            engine.kill()
        gevent.sleep(_FAREWELL_S)
        self._ticker.kill()
        self._runner.greenlet.kill(block=False)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _received(self, *, msg: Any, **_: Any) -> None:
        """A letter of the hub's; short, so that the next ping is answered at once."""
        kind, data = msg.type, msg.data
        self._heard_ns = time.monotonic_ns()
        if kind == PING:
            self._send(PONG, {"token": data["token"], "worker_ns": self._clock()})
        elif kind == ACK:
            self._outbox.acknowledged(data["until"], time.monotonic_ns())
        elif kind == WELCOME:
            if not self._welcome.ready():
                self._say(f"joined as {data['name']}, with {self._processes} engine processes")
                self._welcome.set(None)
        elif kind == DISMISSED:
            self._end(Farewell(done=bool(data.get("done")), reason=data["reason"]))
        elif kind == PARCEL:
            parcel = Parcel.from_wire(data["parcel"])
            directory = self._scratch / parcel.digest
            self._parcels[parcel.digest] = parcel, directory, parcel.unpack(directory)
        elif kind == JOB:
            self._launch(data["digest"], data["job"])
        elif kind == TELL and data["engine"] in self._engines:
            self._engines[data["engine"]].tell(data["kind"], data["payload"])

    def _launch(self, digest: str, job: dict[str, Any]) -> None:
        name = job["process"]
        if digest not in self._parcels:
            self._outbox.put([name, "gone", {"how": f"had no plan {digest} to run: it did not arrive whole"}])
            return
        _, directory, document = self._parcels[digest]
        self._say(f"runs {name} of scenario {job['scenario']}")
        self._engines[name] = _Engine(name, {**job, "document": document}, directory, self._outbox)

    def _send(self, kind: str, data: Mapping[str, Any]) -> None:
        try:
            self._runner.send_message(kind, dict(data))
        except RPCError as error:  # said again by the next tick, or noticed as silence
            self._say(f"cannot reach the master: {error}")

    def _tick(self) -> None:
        while True:
            gevent.sleep(_TICK_S)
            now = time.monotonic_ns()
            for first, frames in self._outbox.batches(now):
                self._send(FRAMES, {"first": first, "frames": frames})
            if now - self._heard_ns > _SILENCE_NS:
                self._end(Farewell(done=False, reason=f"the master has not been heard for {_SILENCE_NS / 1e9:g} s"))

    def _end(self, farewell: Farewell) -> None:
        if not self._over.ready():
            self._over.set(farewell)
