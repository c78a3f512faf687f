"""What is said over the connections: messages when they are due, and what comes back to each.

No task and no future: a message in flight is one `Sent` in a dictionary of its connection, and one entry in the
deadlines of its timeout.
"""

from collections import deque
from collections.abc import Callable
from functools import partial

from loadtests.drive.drivers.base import Surroundings
from loadtests.drive.drivers.deadlines import Deadlines
from loadtests.drive.drivers.failure import Failure
from loadtests.drive.drivers.websocket.connection import Connection
from loadtests.drive.drivers.websocket.exchange import Sent, key_reader
from loadtests.drive.drivers.websocket.operation import SendOperation
from loadtests.drive.drivers.websocket.pushes import Pushes
from loadtests.plan.model import ClosedLoad
from loadtests.plan.protocol.websocket import WebsocketOperation
from loadtests.units import format_duration

__all__ = ["Talk"]

_REMEMBERED = 64
"""Answered messages remembered per connection, to know an answer that comes twice, or late."""
_REST_NS = 1_000_000_000
"""How long a user without a connection and without a pace rests before the next message fails."""
_FINISHED = 256
"""Broadcasts remembered that are over, to know a copy that comes twice, or late."""
_UNCONNECTED = Failure("disconnected", "no connection to send on")
_BLOCKED = Failure("blocked", "the peer does not read: what was sent before still waits on this side")

Due = tuple[int, int, int, int]  # operation, index, intended, user


class Talk:
    """Sends what the load model fires, and matches what comes in. Set `finished` before the first `fire`."""

    finished: Callable[[int], None]

    def __init__(self, surroundings: Surroundings) -> None:
        scenario = surroundings.scenario
        self._now, self._clock = surroundings.clock.now, surroundings.clock
        self._deadlines: dict[int, Deadlines[Sent]] = {}
        self.operations = [
            SendOperation(surroundings, operation, self._deadline(scenario.timeout_of(operation)))
            for operation in scenario.operations
            if isinstance(operation, WebsocketOperation)
        ]
        self._key = key_reader(scenario.websocket.match)
        self._pushes = Pushes(surroundings)
        connections = scenario.load.connections
        self._speakers = 0 if connections is None else connections.senders
        load = scenario.load
        self._rests = isinstance(load, ClosedLoad) and load.think_ns is None and load.pacing_ns is None
        self._senders: list[Connection] = []
        self._listeners: dict[int, Connection] = {}
        self._turn = 0
        self._users: dict[int, Connection | None] = {}
        self._early: dict[int, deque[Due]] = {}
        self._resting: dict[int, tuple[Due, Failure]] = {}
        self._broadcasts: dict[object, Sent] = {}
        self._finished_broadcasts: deque[object] = deque()
        broadcasting = any(operation.expect == "broadcast" for operation in self.operations)
        self._overhears = broadcasting and surroundings.shards > 1  # copies of what other processes have sent
        self.hopeful = True

    def begin(self) -> None:
        """Watch the timeouts from now on."""
        for deadlines in self._deadlines.values():
            deadlines.begin()

    def fire(self, operation: int, index: int, intended_ns: int, user: int) -> None:
        """Send a message, on the user's own connection, or (user -1) on the next in turn."""
        connection: Connection | None = None
        if user >= 0:
            connection = self._users.get(user)
        elif senders := self._senders:
            self._turn += 1
            connection = senders[self._turn % len(senders)]
        if connection is None:
            self._unsent((operation, index, intended_ns, user))
        elif connection.blocked:
            self._give_up((operation, index, intended_ns, user), _BLOCKED)
        else:
            self._send(self.operations[operation], connection, index, intended_ns, user)

    def opened(self, connection: Connection) -> None:
        """A connection can be used; what was due on it before goes out."""
        number = connection.number
        connection.opened_ns = self._now()
        self._listeners[number] = connection
        if number >= self._speakers:
            return
        connection.place = len(self._senders)
        self._senders.append(connection)
        self._users[number] = connection
        for user in (number, -1):
            for due in self._early.pop(user, ()):
                self.fire(*due)

    def closed(self, connection: Connection) -> None:
        """A connection can be used no more, or has not come about; what is in flight on it has failed."""
        number = connection.number
        self._listeners.pop(number, None)
        if number < self._speakers:
            self._users[number] = None
        self._retire(connection)
        pending, connection.pending = connection.pending, {}
        now = self._now()
        for sent in pending.values():
            sent.operation.pending.pop(sent, None)
            failure = Failure("disconnected", "the connection was lost with the answer outstanding")
            sent.operation.failed(failure, (sent.intended_ns, sent.sent_ns, now))
            self.finished(sent.user)
        waiting = [*self._early.pop(number, ())]
        if not self.hopeful and not self._senders:
            waiting += self._early.pop(-1, ())
        for due in waiting:
            self._fail(due, _UNCONNECTED)

    def message(self, connection: Connection, payload: bytes) -> None:
        """Match a message that has come in."""
        if self._key is None:
            sent = next(iter(connection.pending.values()), None)
        else:
            key = self._key(payload)
            if key in self._broadcasts:
                self._copy(self._broadcasts[key], connection, payload)
                return
            sent = connection.pending.get(key)
            if sent is None:
                self._unmatched(connection, key, payload)
                return
        if sent is None:
            self._pushes.take(connection, payload, numbered=False)
        elif sent.operation.is_last is None or self._is_last(sent, payload):
            self._answered(connection, sent, payload)

    def cut_off(self) -> None:
        """End everything in flight."""
        in_flight = [sent for one in self._listeners.values() for sent in one.pending.values()]
        in_flight += [sent for sent in self._broadcasts.values() if sent.copies and not sent.lost]
        for sent in in_flight:
            sent.operation.cut_off(sent.intended_ns)
        waiting = [due for due, _ in self._resting.values()] + [due for early in self._early.values() for due in early]
        for operation, _, intended_ns, _ in waiting:
            self.operations[operation].cut_off(intended_ns)
        for connection in self._listeners.values():
            connection.pending.clear()
        self._broadcasts.clear()
        self._resting.clear()
        self._early.clear()
        for deadlines in self._deadlines.values():
            deadlines.stop()

    def _deadline(self, timeout_ns: int) -> Deadlines[Sent]:
        if timeout_ns not in self._deadlines:
            lost = Failure("lost", f"no answer within {format_duration(timeout_ns)}")
            self._deadlines[timeout_ns] = Deadlines(self._clock, timeout_ns, partial(self._lost, lost))
        return self._deadlines[timeout_ns]

    def _send(self, operation: SendOperation, connection: Connection, index: int, intended_ns: int, user: int) -> None:
        payload = operation.payload(index)
        now = self._now()
        if operation.expect == "nothing":
            connection.send(operation.opcode, payload)
            operation.ok(intended_ns, now, now)
            self.finished(user)
            return
        sent = Sent(operation, connection, index, user)
        sent.intended_ns, sent.sent_ns = intended_ns, now
        if self._key is not None:
            sent.key = str(index)
        if operation.expect == "broadcast":
            sent.copies = set(self._listeners.values())
            for _ in sent.copies:
                operation.expected(intended_ns)
            self._broadcasts[sent.key] = sent
        else:
            connection.sends = sent.order = connection.sends + 1
            connection.pending[sent.key] = sent
        operation.pending[sent] = now
        connection.send(operation.opcode, payload)

    def _answered(self, connection: Connection, sent: Sent, payload: bytes) -> None:
        now, operation = self._now(), sent.operation
        del connection.pending[sent.key]
        operation.pending.pop(sent, None)
        if self._key is not None:
            self._remember(connection, sent)
            if sent.order < connection.answered:
                operation.out_of_order(sent.intended_ns)
            else:
                connection.answered = sent.order
        failure = operation.fault(payload, sent.index)
        if failure is None:
            operation.ok(sent.intended_ns, sent.sent_ns, now)
        else:
            operation.failed(failure, (sent.intended_ns, sent.sent_ns, now), payload)
        self.finished(sent.user)

    def _is_last(self, sent: Sent, payload: bytes) -> bool:
        """Whether this event ends the series; the first is timed."""
        if not sent.seen:
            sent.seen = True
            sent.operation.first_event(sent.intended_ns, self._now() - sent.intended_ns)
        assert sent.operation.is_last is not None
        return sent.operation.is_last(payload)

    def _copy(self, sent: Sent, connection: Connection, payload: bytes) -> None:
        """One copy of a broadcast has come."""
        operation, now = sent.operation, self._now()
        assert sent.copies is not None
        if connection not in sent.copies:
            if connection.opened_ns <= sent.sent_ns:  # who joined later is owed none
                operation.duplicated(sent.intended_ns)
            return
        sent.copies.discard(connection)
        if sent.lost:
            if not sent.copies:
                operation.late(sent.intended_ns)
            return
        operation.received(sent.intended_ns)
        operation.delivery(sent.intended_ns, now - sent.intended_ns)
        failure = operation.fault(payload, sent.index)
        if failure is not None and sent.wrong is None:
            sent.wrong = failure, payload
        if sent.copies:
            return
        operation.pending.pop(sent, None)
        self._finish_broadcast(sent)
        times = sent.intended_ns, sent.sent_ns, now
        operation.ok(*times) if sent.wrong is None else operation.failed(sent.wrong[0], times, sent.wrong[1])
        self.finished(sent.user)

    def _finish_broadcast(self, sent: Sent) -> None:
        self._finished_broadcasts.append(sent.key)
        if len(self._finished_broadcasts) > _FINISHED:
            del self._broadcasts[self._finished_broadcasts.popleft()]

    def _lost(self, failure: Failure, sent: Sent) -> None:
        """No answer in time; one that comes after all will be known as late."""
        sent.lost = True
        if sent.copies is not None:
            missing, whole = len(sent.copies), "connection" if len(sent.copies) == 1 else "connections"
            failure = Failure("lost", f"{failure.reason} on {missing:,} {whole}")
            self._finish_broadcast(sent)
        else:
            sent.connection.pending.pop(sent.key, None)
            self._remember(sent.connection, sent)
        sent.operation.failed(failure, (sent.intended_ns, sent.sent_ns, self._now()))
        self.finished(sent.user)

    def _remember(self, connection: Connection, sent: Sent) -> None:
        recent = connection.recent
        if recent is None:
            recent = connection.recent = {}
        recent[sent.key] = sent
        if len(recent) > _REMEMBERED:
            del recent[next(iter(recent))]

    def _unmatched(self, connection: Connection, key: object, payload: bytes) -> None:
        known = None if connection.recent is None or key is None else connection.recent.get(key)
        if known is None:
            self._pushes.take(connection, payload, numbered=key is not None and not self._overhears)
        elif not known.lost:
            known.operation.duplicated(known.intended_ns)
        elif known.operation.is_last is None or known.operation.is_last(payload):
            known.lost = False  # a second late one is a duplicate
            known.operation.late(known.intended_ns)

    def _retire(self, connection: Connection) -> None:
        """Take it out of turn; the last takes its place."""
        place, connection.place = connection.place, -1
        if place >= 0:
            last = self._senders.pop()
            if last is not connection:
                self._senders[place], last.place = last, place

    def _unsent(self, due: Due) -> None:
        """There is no connection to send on: wait for the first, or fail."""
        user = due[3]
        awaited = user not in self._users if user >= 0 else not self._users
        if awaited and self.hopeful:
            self._early.setdefault(user, deque()).append(due)
        else:
            self._give_up(due, _UNCONNECTED)

    def _give_up(self, due: Due, failure: Failure) -> None:
        """It cannot be sent: it fails at once, or after a rest where nothing else would slow the user down."""
        if self._rests:
            self._resting[due[1]] = due, failure
            self._clock.at(self._now() + _REST_NS, self._rested, due[1])
        else:
            self._fail(due, failure)

    def _rested(self, index: int) -> None:
        rested = self._resting.pop(index, None)
        if rested is not None:
            self._fail(*rested)

    def _fail(self, due: Due, failure: Failure) -> None:
        operation, _, intended_ns, user = due
        now = self._now()
        self.operations[operation].failed(failure, (intended_ns, now, now))
        self.finished(user)
