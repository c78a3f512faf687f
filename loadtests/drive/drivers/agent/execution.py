"""One execution under way: its turns, one after the other, until the last answer or the first failure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from loadtests.drive.drivers.agent.dialect import ANSWER
from loadtests.drive.drivers.agent.refusal import REFUSALS, retry_after_ns
from loadtests.drive.drivers.agent.sse import BadStream
from loadtests.drive.drivers.agent.stream import Listener, StreamConnection
from loadtests.drive.drivers.agent.turn import Turn
from loadtests.drive.drivers.failure import Failure, wrong_status
from loadtests.drive.drivers.http.account import excerpt
from loadtests.drive.drivers.http.answer import BODY_CAP, Undecodable, decoded
from loadtests.drive.drivers.http.connection import Connection
from loadtests.units import format_duration

if TYPE_CHECKING:
    from loadtests.drive.drivers.agent.driver import AgentDriver
    from loadtests.drive.drivers.agent.work import Work

__all__ = ["Execution"]

_GATEWAY_TIMEOUT = 504


class Execution(Listener):
    """Waits for the answers to its own turns; `over` once it is booked, after which nothing moves it."""

    keep = BODY_CAP
    limit = BODY_CAP

    def __init__(self, driver: "AgentDriver", work: "Work", index: int, intended_ns: int, user: int) -> None:
        self._driver, self._work = driver, work
        self._now = driver.clock.now
        self.intended_ns, self.user, self.timeout_ns = intended_ns, user, work.timeout_ns
        self.sent_ns = 0
        self.values = work.values(index)
        self.turns: list[Turn] = []
        self.over = False
        self._connection: StreamConnection | None = None
        self._refusals = 0
        self._works = False

    def begin(self) -> None:
        """Ask the first turn."""
        self._next(self.intended_ns)

    def connected(self, connection: Connection) -> None:
        """See `Waiting`."""
        now = self._now()
        self._work.account.connect(self.intended_ns, now - connection.started_ns)
        payload, connection.payload = connection.payload, b""
        self._sent(now)
        connection.sent_ns = now
        connection.write(payload)

    def began(self, connection: Connection) -> None:
        """See `Waiting`."""
        assert isinstance(connection, StreamConnection)
        connection.streams = None

    def headed(self, connection: StreamConnection) -> bool:
        """See `Listener`: an answer of another kind than asked for is kept, to be shown."""
        media = (connection.reader.head().get("content-type") or "").partition(";")[0].strip().lower()
        speech = self._work.dialect
        return speech.streams and self._work.judge.accepts(connection.reader.status) and media == speech.media

    def heard(self, connection: StreamConnection, piece: bytes, now_ns: int) -> None:
        """See `Listener`."""
        turn, take = self.turns[-1], self._work.dialect.event
        event = turn.reader.whole(piece)
        if event is not None and turn.events is None and turn.first_event_ns:
            failure = take(turn, event[0], event[1], now_ns)
            if failure is not None:
                connection.fail(failure)
            elif turn.tokens:
                connection.holds = True
            return
        try:
            events = turn.reader.feed(piece)
        except BadStream as error:
            connection.fail(Failure("malformed", str(error)))
            return
        if events and not turn.first_event_ns:
            turn.first_event_ns = now_ns
            self._at_work()
        for name, data in events:
            if turn.events is not None:
                turn.events.append(now_ns)
            failure = take(turn, name, data, now_ns)
            if failure is not None:
                connection.fail(failure)
                return

    def heard_many(self, pieces: Sequence[bytes], times_ns: Sequence[int]) -> int:
        """See `Listener`."""
        turn = self.turns[-1]
        if turn.events is not None:
            return 0
        name, found = turn.reader.wholes(pieces)
        return self._work.dialect.events(turn, name, found, times_ns)

    def answered(self, connection: Connection, _piece: bytes) -> None:
        """See `Waiting`: the turn has ended, one way or another."""
        assert isinstance(connection, StreamConnection)
        self._connection = None
        turn, reader = self.turns[-1], connection.reader
        failure = self._of_stream(turn) if connection.streams else self._of_answer(connection, turn)
        if failure is not None:
            seen = None if connection.streams else lambda: excerpt(reader.head(), reader.body())
            if failure.kind == "refused":
                self._refused(failure, retry_after_ns(reader.head().get("retry-after")))
            else:
                self._fail(failure, seen)
        elif self.over:
            return
        elif len(self.turns) < len(self._work.turns):
            self.values[f"{ANSWER}{len(self.turns) - 1}"] = turn.text
            self._next(self._now())
        else:
            self._end(connection, turn)

    def failed(self, connection: Connection, failure: Failure) -> None:
        """See `Waiting`. A connection that ends within a stream has cut it."""
        self._connection = None
        if failure.kind == "reset" and isinstance(connection, StreamConnection) and connection.streams:
            failure = Failure("cut", f"{self._progress()}: {failure.reason}")
        self._fail(failure)

    def cut_off(self, _connection: Connection | None = None) -> None:
        """See `Waiting`; also when no connection is in use: the run is over."""
        if not self.over:
            self.over = True
            self._work.account.cut_off(self.intended_ns)
            self._leave()

    def expire(self) -> None:
        """The execution limit has come."""
        connection, within = self._connection, format_duration(self.timeout_ns)
        if connection is not None:
            connection.let_go()
        if self.over:
            return
        if connection is not None and connection.transport is None:
            failure = Failure("timeout", f"no connection within {within}")
        else:
            failure = Failure("timeout", f"not completed within {within}: {self._progress()}")
        self._leave()
        self._fail(failure)

    def _next(self, due_ns: int) -> None:
        self.turns.append(self._work.begin(due_ns, self.values))
        self._ask(None)

    def _ask(self, _argument: object) -> None:
        """Ask the present turn, for the first time or again."""
        if self.over:
            return
        now, pool = self._now(), self._driver.pool
        wire = self._work.turns[len(self.turns) - 1]
        payload = wire.render(self.values) if wire.static is None else wire.static
        connection = pool.take()
        if connection is None:
            connection = pool.open(self, payload, started_ns=now)
            assert isinstance(connection, StreamConnection)
            self._connection = connection
            return
        assert isinstance(connection, StreamConnection)
        self._connection = connection
        connection.waiting, connection.sent_ns = self, now
        self._sent(now)
        connection.write(payload)

    def _sent(self, now: int) -> None:
        self.turns[-1].sent_ns = now
        self.sent_ns = self.sent_ns or now
        if not self._work.dialect.streams:
            self._at_work()

    def _at_work(self) -> None:
        """The service works on it from now on, as far as can be seen from outside."""
        if not self._works:
            self._works = True
            self._work.parallel(self.intended_ns, self._driver.works(1))

    def _of_stream(self, turn: Turn) -> Failure | None:
        """What is wrong with a stream that has ended."""
        if turn.fault is None and not turn.ended:
            return Failure("cut", f"{self._progress()}: the stream ended without {self._work.dialect.last}")
        return turn.fault

    def _of_answer(self, connection: StreamConnection, turn: Turn) -> Failure | None:
        """What is wrong with an answer that came as a whole; a good one is taken."""
        reader, judge, speech = connection.reader, self._work.judge, self._work.dialect
        if not judge.accepts(reader.status):
            if reader.status in REFUSALS:
                return Failure("refused", f"status {reader.status}")
            if reader.status == _GATEWAY_TIMEOUT:
                return Failure("timeout", f"status {_GATEWAY_TIMEOUT}: the service gave up")
            return wrong_status(reader.status, judge.wanted)
        head = reader.head()
        media = head.get("content-type") or "no media type"
        if speech.streams or "json" not in media:
            return Failure("media_type", f"answered {media} where {speech.media} was expected")
        try:
            return speech.answer(turn, decoded(reader.body(), head.get("content-encoding")))
        except Undecodable as error:
            return Failure("malformed", str(error))

    def _refused(self, failure: Failure, wait_ns: int) -> None:
        """Nothing was begun: ask again, where the plan says so and there is time for it."""
        now, settings = self._now(), self._driver.scenario.agent
        if not self._refusals:
            self._work.refused(self.intended_ns)
        self._refusals += 1
        if self._refusals > settings.retries:
            self._fail(failure)
        elif now + wait_ns > self._driver.limit_ns(self):
            wait = format_duration(wait_ns)
            self._fail(Failure("refused", f"{failure.reason}, come back in {wait}, which is beyond the limit"))
        else:
            self._driver.clock.at(now + wait_ns, self._ask)

    def _end(self, connection: StreamConnection, turn: Turn) -> None:
        """All turns are answered: is it right?"""
        now, work, reader = self._now(), self._work, connection.reader
        failure = work.mistake(self)
        result = work.dialect.result(turn)
        if failure is None:
            failure = work.judge.fault(reader.status, reader.head, lambda: result, self.values)
        if failure is not None:
            self._fail(failure, lambda: result[:200].decode("utf-8", "replace"))
            return
        self.over = True
        self._leave()
        work.finished(self, now)
        self._driver.ended_one(self)

    def _fail(self, failure: Failure, seen: object = None) -> None:
        if self.over:
            return
        self.over = True
        self._leave()
        self._work.failed(self, failure, self._now(), seen)
        self._driver.ended_one(self)

    def _leave(self) -> None:
        """Let go of the connection and of the place among those worked on."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.discard()
        if self._works:
            self._works = False
            self._driver.works(-1)

    def _progress(self) -> str:
        count = sum(len(turn.tokens) for turn in self.turns)
        where = f"turn {len(self.turns)}, " if len(self._work.turns) > 1 else ""
        return f"{where}{count:,} tokens had come" if self._work.dialect.streams else f"{where}no answer"
