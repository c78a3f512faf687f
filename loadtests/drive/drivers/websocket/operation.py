"""One operation of the plan, compiled: what it sends, what it waits for, and its books."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from loadtests.drive.drivers.base import Surroundings
from loadtests.drive.drivers.deadlines import Deadlines
from loadtests.drive.drivers.failure import Failure
from loadtests.drive.drivers.http.check import Judge
from loadtests.drive.drivers.websocket.exchange import Outgoing, last_event, payload_fault
from loadtests.plan.data import row
from loadtests.plan.protocol.websocket import WebsocketOperation
from loadtests.plan.secrets import mask
from loadtests.result.window import DUPLICATED, EXPECTED, LATE, OUT_OF_ORDER, RECEIVED

if TYPE_CHECKING:
    from loadtests.drive.drivers.websocket.exchange import Sent

__all__ = ["SendOperation"]

_SHOWN = 200


class SendOperation:
    """How messages of one operation are made and judged, and where their outcomes are recorded."""

    def __init__(self, surroundings: Surroundings, operation: WebsocketOperation, deadlines: "Deadlines[Sent]") -> None:
        self.name, self.expect = operation.name, operation.expect
        self.outgoing, self.pending = Outgoing(operation.send), deadlines.pending
        self.opcode = self.outgoing.opcode
        self._data, self._recorder = surroundings.scenario.data, surroundings.recorder
        self._secrets = surroundings.secrets
        self.tape = tape = surroundings.recorder.tape(operation.name)
        self.ok, self.cut_off = tape.ok, tape.cut_off
        self.late, self.duplicated = tape.counter(LATE), tape.counter(DUPLICATED)
        self.out_of_order = tape.counter(OUT_OF_ORDER)
        self.is_last = last_event(operation.until) if operation.expect == "events" else None
        if operation.expect == "events":
            self.first_event = tape.measure("first event")
        if operation.expect == "broadcast":
            self.delivery = tape.measure("delivery")
            self.expected, self.received = tape.counter(EXPECTED), tape.counter(RECEIVED)
        judge = Judge(operation.check)
        self._judge = judge if judge.reads_body or judge.max_bytes is not None else None

    def payload(self, index: int) -> bytes:
        """The message of execution `index`."""
        names = self.outgoing.names
        return self.outgoing.payload(index, row(self._data, names, index) if names else {})

    def fault(self, payload: bytes, index: int) -> Failure | None:
        """What the check finds wrong with the answer to `index`."""
        if self._judge is None:
            return None
        values: Mapping[str, str] = {**row(self._data, self._judge.names, index), "message": str(index)}
        return payload_fault(self._judge, payload, values)

    def failed(self, failure: Failure, times: tuple[int, int, int], payload: bytes = b"") -> None:
        """Record a failed execution: (intended, sent, ended)."""
        self.tape.failed(failure.kind, *times)
        if self._recorder.wants_sample(self.name, failure.kind):
            shown = payload[:_SHOWN].decode("utf-8", "replace")
            message = f"{failure.reason} | {shown}" if shown else failure.reason
            self._recorder.sample(self.name, failure.kind, times[2], mask(message, self._secrets))
