"""The WebSocket truth server: what it does to connections and messages is counted, never drawn by chance.

    python -m benchmarks.accuracy.websocket_server BEHAVIOUR_JSON LEDGER_PATH

Prints its port, serves until its standard input ends, then writes `LEDGER.npz` (answers), `LEDGER.upgrades.npz`,
`LEDGER.pings.npz`, `LEDGER.copies.npz`, `LEDGER.pushes.npz` and `LEDGER.json` (counts). The protocol is that of the
`websockets` library, so nothing of the suite's own is in it; what comes is dated by the kernel, answers leave at once.
"""

import asyncio
import gc
import json
import resource
import socket
import sys
import time
from array import array
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import uvloop
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from benchmarks.accuracy.behaviour import Answering, Behaviour, Ending, Step
from benchmarks.accuracy.door import Door, Peer
from benchmarks.accuracy.ledger import Ledger
from benchmarks.accuracy.websocket_behaviour import WebsocketBehaviour, hit
from loadtests.clock import LoopClock

__all__ = ["main"]

_LEAD_NS = 60_000
_HOLD_NS = 500_000_000
_PUSHES = 40
_TEXT = Opcode.TEXT


class _Notes:
    """Instants of one kind of answer, row by row."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._answering = Answering(behaviour)
        self.received, self.due, self.sent = array("q"), array("q"), array("q")

    def receive(self, at_ns: int) -> tuple[int, int]:
        """The row of what came at `at_ns`, and the instant of its answer."""
        row = len(self.received)
        self.received.append(at_ns)
        self.due.append(self._answering.answer(at_ns)[0])
        self.sent.append(0)
        return row, self.due[row]

    def note(self, received_ns: int, due_ns: int) -> None:
        """What was received then, was due then, and has been sent just now."""
        self.received.append(received_ns)
        self.due.append(due_ns)
        self.sent.append(time.monotonic_ns())

    def ledger(self) -> Ledger:
        received, due, sent = (np.array(column, np.int64) for column in (self.received, self.due, self.sent))
        return Ledger(received, due, sent, np.full(len(received), Ending.GOOD, np.int64))


class _World:
    """Everything the connections share."""

    def __init__(self, behaviour: WebsocketBehaviour, clock: LoopClock) -> None:
        self.behaviour, self.clock = behaviour, clock
        self.upgrades, self.messages = _Notes(Behaviour(behaviour.upgrade_steps)), _Notes(behaviour.answers)
        self.pings, self.copies, self.pushes = (_Notes(Behaviour((Step(0),))) for _ in range(3))
        self.counts: Counter[str] = Counter()
        self.open: list[_Socket] = []
        self.accepted = 0

    def at(self, due_ns: int, callback: Any, argument: Any) -> None:
        """Wake a little early; the callback waits out the rest."""
        self.clock.at(due_ns - _LEAD_NS, callback, argument)


class _Socket(Peer):
    """One connection."""

    def __init__(self, world: _World, connected: socket.socket) -> None:
        super().__init__(connected)
        self._world = world
        self._silent = self._made = False
        self._held: bytes | None = None
        self._pushed = 0

    _protocol: ServerProtocol

    def close(self) -> None:
        """See `Peer`."""
        super().close()
        if self in self._world.open:
            self._world.open.remove(self)

    def heard(self, data: bytes, received_ns: int) -> None:
        """See `Peer`."""
        if self._silent:
            return
        pinged = False
        if not self._made:
            self._made, self._protocol = True, ServerProtocol(max_size=None)
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._upgrade(event, received_ns)
            elif isinstance(event, Frame) and event.opcode is _TEXT:
                self._message(bytes(event.data), received_ns)
            elif isinstance(event, Frame) and event.opcode is Opcode.PING:
                pinged = True
        self._flush()
        if pinged:
            row, _ = self._world.pings.receive(received_ns)
            self._world.pings.sent[row] = time.monotonic_ns()
        if self._protocol.close_expected():
            self.close()

    def _upgrade(self, request: Request, came: int) -> None:
        world = self._world
        row, due = world.upgrades.receive(came)
        refused = hit(row, world.behaviour.refuse_every)
        world.counts["refused"] += refused
        response = self._protocol.reject(503, "no") if refused else self._protocol.accept(request)
        world.at(due, self._granted, (row, due, response))

    def _granted(self, what: tuple[int, int, Response]) -> None:
        row, due, response = what
        _wait_until(due)
        self._protocol.send_response(response)
        self._flush()
        world, behaviour = self._world, self._world.behaviour
        world.upgrades.sent[row] = time.monotonic_ns()
        if response.status_code != 101:
            self.close()
            return
        number = world.accepted
        world.accepted += 1
        world.open.append(self)
        if hit(number, behaviour.drop_every):
            world.clock.at(due + behaviour.after_ns, self._drop)
        if hit(number, behaviour.silent_every):
            world.clock.at(due + behaviour.after_ns, self._fall_silent)
        if behaviour.push_every_ns:
            world.clock.at(due + behaviour.push_every_ns, self._push)

    def _message(self, payload: bytes, came: int) -> None:
        world, behaviour = self._world, self._world.behaviour
        row, due = world.messages.receive(came)
        if hit(row, behaviour.lose_every):
            world.counts["lost"] += 1
            return
        if row < behaviour.late_rows and hit(row, behaviour.late_every):
            world.clock.at(came + behaviour.late_ns, self._answer_late, payload)
            return
        world.at(due, self._answer, (row, due, payload))

    def _answer(self, what: tuple[int, int, bytes]) -> None:
        row, due, payload = what
        world, behaviour = self._world, self._world.behaviour
        _wait_until(due)
        if behaviour.broadcast:
            self._spread(payload, row)
        elif behaviour.reorder_every and row % behaviour.reorder_every == 9 and self._held is None:
            self._held = payload
            world.clock.at(due + _HOLD_NS, self._release, payload)
            return
        else:
            self._say(payload)
            if behaviour.duplicate_every and row % behaviour.duplicate_every == 24:
                world.counts["duplicated"] += self._say(payload)
            if self._held is not None:
                world.counts["reordered"] += self._say(self._held)
                self._held = None
        world.messages.sent[row] = time.monotonic_ns()

    def _answer_late(self, payload: bytes) -> None:
        self._world.counts["late"] += self._say(payload)

    def _spread(self, payload: bytes, row: int) -> None:
        """A copy to everyone, each with its own instant in the notes."""
        messages, copies = self._world.messages, self._world.copies
        counts, every = self._world.counts, self._world.behaviour.skip_copy_every
        for one in tuple(self._world.open):
            counts["copies"] += 1
            if hit(counts["copies"] - 1, every):
                counts["skipped"] += 1
            else:
                one._say(payload)
                copies.note(messages.received[row], messages.due[row])

    def _release(self, payload: bytes) -> None:
        """Nothing came to overtake it: it goes out in order after all."""
        if self._held is payload:
            self._held = None
            self._say(payload)

    def _push(self, _argument: object) -> None:
        world, behaviour = self._world, self._world.behaviour
        number = self._pushed
        self._pushed += 1
        begun = time.monotonic_ns()
        if behaviour.gap_every and number % behaviour.gap_every == behaviour.gap_every // 2:
            world.counts["gaps"] += 1
        elif self._say(json.dumps({"seq": number, "at": time.time()}).encode()):
            world.pushes.note(begun, begun)
            world.counts["pushed"] += 1
        if self._pushed < _PUSHES:
            world.clock.at(time.monotonic_ns() + behaviour.push_every_ns, self._push)

    def _drop(self, _argument: object) -> None:
        if not self.there:
            return
        self._world.counts["dropped"] += 1
        if self._world.behaviour.reset:
            self.reset()
            return
        self._protocol.send_close(1011)
        self._flush()

    def _fall_silent(self, _argument: object) -> None:
        self._world.counts["silent"] += 1
        self._silent = True

    def _say(self, payload: bytes) -> bool:
        """Send a text at once; false when the client has gone or the connection is silent."""
        return not self._silent and self.write(Frame(_TEXT, payload).serialize(mask=False))

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self.write(data)


def _wait_until(due_ns: int) -> None:
    while time.monotonic_ns() < due_ns:
        pass


async def _serve(behaviour: WebsocketBehaviour, path: Path) -> None:
    loop = asyncio.get_running_loop()
    clock = LoopClock(loop)
    world = _World(behaviour, clock)
    door = Door(partial(_Socket, world))
    print(door.port, flush=True)
    gc.collect()
    gc.disable()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    await orders.read()
    door.close()
    clock.close()
    world.messages.ledger().save(path)
    world.upgrades.ledger().save(path.with_suffix(".upgrades.npz"))
    world.pings.ledger().save(path.with_suffix(".pings.npz"))
    world.copies.ledger().save(path.with_suffix(".copies.npz"))
    world.pushes.ledger().save(path.with_suffix(".pushes.npz"))
    counts = {**world.counts, "accepted": world.accepted, "messages": len(world.messages.received)}
    path.with_suffix(".json").write_text(json.dumps(counts))


def main() -> None:
    """Serve until standard input ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(_serve(WebsocketBehaviour.from_wire(json.loads(sys.argv[1])), Path(sys.argv[2])))


if __name__ == "__main__":
    main()
