"""One operation of the plan, compiled: what its turns ask, how their answers are judged, and its books."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from loadtests.drive.drivers.agent.dialect import Dialect
from loadtests.drive.drivers.agent.expectation import Expectation
from loadtests.drive.drivers.agent.turn import Turn
from loadtests.drive.drivers.base import Surroundings
from loadtests.drive.drivers.failure import Failure
from loadtests.drive.drivers.http.account import Account
from loadtests.drive.drivers.http.check import Judge
from loadtests.drive.drivers.http.requests import CompiledRequest, Wire
from loadtests.plan.data import row
from loadtests.plan.metrics import PHASE
from loadtests.plan.protocol.agent import EXECUTION, AgentOperation, AgentSettings
from loadtests.plan.protocol.http import Body, Request
from loadtests.plan.template import Template
from loadtests.result.window import CHECKED, GOOD, IDENTIFIED, MIXED_UP, NUMBER_NS, REFUSED, RIGHT

if TYPE_CHECKING:
    from loadtests.drive.drivers.agent.execution import Execution

__all__ = ["Work"]

_SHORTEST_NS = 1_000
"""What a histogram can hold at least: zero tokens, or no time between two that came together."""


class Work:
    """`turns` are the requests of the turns. Measures of time and tokens are those of good executions only."""

    def __init__(self, surroundings: Surroundings, operation: AgentOperation, speech: Dialect, *, token: str) -> None:
        scenario = surroundings.scenario
        self.operation, self.dialect = operation, speech
        self.name, self.timeout_ns = operation.name, scenario.timeout_of(operation)
        self.account = account = Account(surroundings, operation.name)
        thread = operation.thread
        if thread is None and len(operation.prompts) > 1:
            thread = f"load-{token}-{{{{{EXECUTION}}}}}"
        self.compiled = [
            _request(
                operation, scenario.agent, surroundings.target.http, speech.document(operation, turn, thread=thread)
            )
            for turn in range(len(operation.prompts))
        ]
        self.turns: list[Wire] = []
        self.judge = Judge(operation.check)
        self._expectation = None if operation.expected is None else Expectation(operation.expected)
        self._user = None if operation.user is None else Template.of(operation.user)
        self._data = scenario.data
        self._names = sorted(self._all_names())
        self._keeps_text = scenario.agent.api == "openai" or (
            self._expectation is not None and self._expectation.wants_text
        )
        self._times_events = any(threshold.metric == "event gap" for threshold in scenario.thresholds)
        tape = account.tape
        self.refused, self._good = tape.counter(REFUSED), tape.counter(GOOD)
        self._checked, self._right = tape.counter(CHECKED), tape.counter(RIGHT)
        self._identified, self._mixed_up = tape.counter(IDENTIFIED), tape.counter(MIXED_UP)
        self._ttft, self._first_event = tape.measure("ttft"), tape.measure("first event")
        self._gaps, self._event_gaps = tape.measure_many("token gap"), tape.measure_many("event gap")
        self._queued, self._rate = tape.measure("queued"), tape.measure("token rate")
        self._tokens, self._partial = tape.measure("tokens"), tape.measure("partial tokens")
        self._turns, self._tools = tape.measure("turns"), tape.measure("tool calls")
        self.parallel = tape.measure("parallel")

    def compile(self) -> None:
        """Make the requests ready to be sent; their origin is known by now."""
        self.turns = [compiled.wire() for compiled in self.compiled]

    def values(self, index: int) -> dict[str, str]:
        """What the templates of execution `index` are filled with."""
        return {**row(self._data, self._names, index), EXECUTION: str(index)}

    def begin(self, due_ns: int, values: Mapping[str, str]) -> Turn:
        """A turn that is about to be asked."""
        user = None if self._user is None else self._user.render(values)
        return Turn(due_ns, user, keeps_text=self._keeps_text, times_events=self._times_events)

    def mistake(self, execution: "Execution") -> Failure | None:
        """What is wrong with an execution whose turns have all ended: another's, a wrong answer, or a check."""
        at, turns = execution.intended_ns, execution.turns
        stranger = next((turn.stranger for turn in turns if turn.stranger is not None), None)
        if any(turn.identified for turn in turns):
            self._identified(at)
            if stranger is not None:
                self._mixed_up(at)
        wrong = None
        if self._expectation is not None:
            whole_text = self._expectation.wants_text and self.dialect.streams
            answer = turns[-1].text.encode() if whole_text else self.dialect.result(turns[-1])
            wrong = self._expectation.fault(answer, execution.values)
            self._checked(at)
            if wrong is None:
                self._right(at)
        if stranger is not None:
            return Failure("mixed_up", f"asked as {turns[-1].user}, answered as {stranger}")
        return None if wrong is None else Failure("wrong", wrong)

    def finished(self, execution: "Execution", ended_ns: int) -> None:
        """Book a good execution."""
        at, turns = execution.intended_ns, execution.turns
        self.account.ok(at, execution.sent_ns, ended_ns)
        kept = ended_ns - at <= (self.operation.limits.total_ns or ended_ns)
        for turn in turns:
            kept = self._turn(at, turn) and kept
        if self.dialect.streams:
            self._tokens(at, _number(sum(len(turn.tokens) for turn in turns)))
            self._tools(at, _number(sum(turn.tools for turn in turns)))
        self._turns(at, _number(len(turns)))
        if kept:
            self._good(at)

    def failed(self, execution: "Execution", failure: Failure, ended_ns: int, seen: Any = None) -> None:
        """Book a bad one; what it had brought until then is told apart."""
        at = execution.intended_ns
        self.account.failed(failure, at, execution.sent_ns or ended_ns, ended_ns, seen=seen)
        if self.dialect.streams:
            self._partial(at, _number(sum(len(turn.tokens) for turn in execution.turns)))

    def _turn(self, at: int, turn: Turn) -> bool:
        """Book a turn; whether it kept to the limits."""
        limits, kept = self.operation.limits, True
        for name, spent_ns in turn.phases:
            self.account.tape.measure(f"{PHASE} {name}")(at, spent_ns)
        if turn.queued_ns is not None:
            self._queued(at, max(turn.queued_ns, _SHORTEST_NS))
        if turn.first_event_ns:
            self._first_event(at, turn.first_event_ns - turn.due_ns)
        if turn.events is not None and len(turn.events) > 1:
            self._event_gaps(at, np.maximum(np.diff(np.array(turn.events, np.int64)), _SHORTEST_NS))
        if not turn.tokens:
            return kept
        ttft = turn.tokens[0] - turn.due_ns
        self._ttft(at, ttft)
        kept = limits.ttft_ns is None or ttft <= limits.ttft_ns
        if len(turn.tokens) > 1:
            gaps = np.maximum(np.diff(np.array(turn.tokens, np.int64)), _SHORTEST_NS)
            self._gaps(at, gaps)
            self._rate(at, _number(gaps.size * 1e9 / max(1, turn.tokens[-1] - turn.tokens[0])))
            kept = kept and (limits.gap_ns is None or int(gaps.max()) <= limits.gap_ns)
        return kept

    def _all_names(self) -> frozenset[str]:
        names = self.judge.names.union(*(compiled.names for compiled in self.compiled))
        if self._expectation is not None:
            names |= self._expectation.names
        return names if self._user is None else names.union(self._user.names)


def _request(
    operation: AgentOperation, settings: AgentSettings, base: str | None, document: Mapping[str, Any]
) -> CompiledRequest:
    headers = {"Accept": "text/event-stream" if settings.api != "answer" else "application/json", **settings.headers}
    auth = None if settings.bearer is None else ("bearer", settings.bearer)
    request = Request("POST", settings.path, headers, Body("json", document), auth, operation.check)
    return CompiledRequest(request, base)


def _number(value: float) -> int:
    """A plain number as its histogram holds it."""
    return max(round(value * NUMBER_NS), _SHORTEST_NS)
