"""`python -m benchmarks.accuracy.agents`: what is reported of executions and their tokens, beside what was done.

Exit codes as of `benchmarks.accuracy`: 0 all right, 1 something off, 3 something could not be measured here.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks.accuracy.agent_behaviour import AgentBehaviour
from benchmarks.accuracy.agent_server import AgentLedger
from benchmarks.accuracy.behaviour import MS, S, Step
from benchmarks.accuracy.comparison import Row
from benchmarks.accuracy.counting import Counted, counted_run
from benchmarks.accuracy.ledger import IntArray, rank_value
from benchmarks.accuracy.one_by_one import case_command
from loadtests.result.run import pooled
from loadtests.result.window import (
    CHECKED,
    IDENTIFIED,
    MIXED_UP,
    NUMBER_NS,
    OFFERED,
    OK,
    REFUSED,
    RESPONSE_OK,
    RIGHT,
    Tally,
)

__all__ = ["CASES", "AgentCase", "command", "measured", "noted", "plan_text"]

_QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
_WARMUP_NS = 2 * S
_RELATIVE, _ABSOLUTE_NS = 0.02, 1 * MS
_GAP_NS = 1 * MS
_CHANCES = 4
_TOKEN_PART = 0.002
"""A histogram keeps three digits of a number, so a sum of them may be off by this part."""
_OPEN = {"rate": "60/s", "duration": "7s"}
_SLOW_TENTH = (Step(100 * MS, 9), Step(400 * MS, 1))
_SHORT = AgentBehaviour(tokens=20)


@dataclass(frozen=True, slots=True)
class AgentCase:
    """`counts` maps what is reported to the name under which the server counted it, or to the number itself.

    With `engine_alone` the engine process has its core to itself, as on a machine with more of them.
    """

    name: str
    sentence: str
    behaviour: AgentBehaviour
    counts: Mapping[str, str | int]
    load: Mapping[str, Any] = field(default_factory=lambda: dict(_OPEN))
    times: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    engine_alone: bool = False


def _fated(*fates: tuple[Any, int], **changes: Any) -> AgentBehaviour:
    return AgentBehaviour(**{"tokens": 20, "fates": fates, **changes})


_NO_FAILURE: Mapping[str, str | int] = {"ok": "good", "failed": 0, "mixed up": 0}

CASES = (
    AgentCase(
        "streams",
        "the first token of one execution in 10 comes after 400 ms, else after 100 ms; then 49 more, 20 ms apart",
        AgentBehaviour(_SLOW_TENTH),
        _NO_FAILURE,
        times=("ttft", "token gap"),
    ),
    AgentCase(
        "users",
        "the same for 50 users who ask again when they are answered",
        AgentBehaviour(_SLOW_TENTH),
        _NO_FAILURE,
        {"users": 50, "spawn_rate": "50/s", "duration": "7s"},
        ("ttft", "token gap"),
    ),
    AgentCase(
        "chat completions",
        "the same as an OpenAI-compatible stream",
        AgentBehaviour(_SLOW_TENTH, api="openai"),
        _NO_FAILURE,
        times=("ttft", "token gap"),
    ),
    AgentCase(
        "one answer",
        "no stream: the whole answer after 480 ms, one in 10 after 780 ms",
        AgentBehaviour(_SLOW_TENTH, tokens=20, api="answer"),
        _NO_FAILURE,
        times=("response",),
    ),
    AgentCase(
        "hung executions",
        "one in 20 falls silent half-way: it times out",
        _fated(("hung", 20)),
        {"ok": "good", "failed timeout": "hung", "failed": "hung", "partial tokens": "partial"},
    ),
    AgentCase(
        "cut streams",
        "one in 15 is reset half-way",
        _fated(("cut", 15)),
        {"ok": "good", "failed cut": "cut", "failed": "cut", "partial tokens": "partial"},
    ),
    AgentCase(
        "malformed events",
        "one in 15 sends half an event half-way",
        _fated(("malformed", 15)),
        {"ok": "good", "failed malformed": "malformed", "failed": "malformed", "partial tokens": "partial"},
    ),
    AgentCase(
        "errors",
        "one in 15 says half-way that it failed",
        _fated(("error", 15)),
        {"ok": "good", "failed agent_error": "error", "failed": "error", "partial tokens": "partial"},
    ),
    AgentCase(
        "pages",
        "one in 15 is answered by an HTML page",
        _fated(("html", 15)),
        {"ok": "good", "failed media_type": "html", "failed": "html", "partial tokens": 0},
    ),
    AgentCase(
        "refusals",
        "one in 10 is refused with 429",
        _fated(("refused", 10)),
        {"ok": "good", "failed refused": "refused", "refused": "refused", "failed": "refused"},
    ),
    AgentCase(
        "refusals that come back",
        "the same, asked again after the second that Retry-After says: a second refusal is as likely as the first",
        _fated(("refused", 10)),
        {"ok": 420, "failed": 0},
        settings={"retries": 9},
    ),
    AgentCase(
        "wrong sums",
        "one answer in 25 has a wrong sum",
        _fated(("wrong", 25)),
        {"ok": "good", "wrong answers": "wrong", "failed wrong": "wrong", "failed": "wrong", "mixed up": 0},
    ),
    AgentCase(
        "mix-ups",
        "one answer in 30 is another user's",
        _fated(("mixed", 30)),
        {"ok": "good", "mixed up": "mixed", "failed mixed_up": "mixed", "failed": "mixed", "wrong answers": 0},
    ),
    AgentCase(
        "500 streams",
        "500 users at once, a token every 20 ms each: 25,000 events a second on one core",
        AgentBehaviour((Step(100 * MS),), tokens=150),
        _NO_FAILURE,
        {"users": 500, "spawn_rate": "1000/s", "duration": "10s"},
        ("ttft", "token gap"),
        engine_alone=True,
    ),
)


def plan_text(case: AgentCase, *, port: int) -> str:
    """The plan file (JSON is YAML) that puts the server at `port` under the case's load."""
    ask: dict[str, Any] = {"name": "ask", "prompt": "reduce cost", "user": "{{user}}"}
    if case.behaviour.api != "openai":
        ask["answer"] = {"json": "savings", "equals": "{{savings}}", "within": 0.001}
    users = range(1, 101)
    scenario = {
        "driver": "agent",
        "load": dict(case.load),
        "warmup": f"{_WARMUP_NS}ns",
        "timeout": "5s" if case.settings or case.behaviour.tokens > 20 else "1500ms",
        "agent": {"api": case.behaviour.api, **case.settings},
        "operations": [ask],
        "data": {"user": {"values": list(users)}, "savings": {"values": [user * 1.25 for user in users]}},
        "thresholds": ["errors < 99%"],
    }
    target = {"http": f"http://127.0.0.1:{port}"}
    return json.dumps({"version": 1, "target": target, "scenarios": {"truth": scenario}})


def measured(case: AgentCase) -> tuple[Counted, AgentLedger, Mapping[str, int]]:
    """A run of the case, with what the server noted and counted."""
    plan = partial(_plan_at, case)
    with counted_run("agent_server", case.behaviour.to_wire(), plan, engine_alone=case.engine_alone) as found:
        counts = json.loads(found.ledger.with_suffix(".json").read_text())
        return found, AgentLedger.load(found.ledger), counts


def noted(ledger: AgentLedger) -> tuple[IntArray, IntArray]:
    """Times to the first token, and between tokens, as they truly left; of what was asked after the warm-up."""
    began_ns = int(ledger.received_ns[:1].sum()) + _WARMUP_NS
    first = (ledger.first_ns - ledger.received_ns)[ledger.received_ns >= began_ns]
    return first, ledger.gaps_ns[ledger.gap_at_ns >= began_ns]


def _experiment(case: AgentCase) -> list[Row]:
    found, ledger, counts = measured(case)
    return found.marked([*_counts(case, found, counts), *_times(case, found, ledger)])


def _plan_at(case: AgentCase, port: int) -> str:
    return plan_text(case, port=port)


def _counts(case: AgentCase, found: Counted, counted: Mapping[str, int]) -> Iterable[Row]:
    """Counts of the whole run: what was done must be what is reported, exactly; tokens to the digits that are kept."""
    whole = Tally.merge(found.run.by_second(found.run.total_names()).values())
    partial_tokens = whole.histogram("partial tokens")
    reported: dict[str, float] = {
        "ok": whole.count(OK),
        "failed": whole.failed,
        "refused": whole.count(REFUSED),
        "mixed up": whole.count(MIXED_UP),
        "wrong answers": whole.count(CHECKED) - whole.count(RIGHT),
        "partial tokens": (partial_tokens.mean_us or 0.0) * partial_tokens.total * 1000 / NUMBER_NS,
        **{f"failed {kind}": number for kind, number in whole.failures.items()},
    }
    yield Row("executions that ended", "count", whole.count(OFFERED), whole.count(OK) + whole.failed, 0)
    answered = whole.count(OK) + whole.failures.get("wrong", 0) + whole.failures.get("mixed_up", 0)
    yield Row("identities compared", "count", answered, whole.count(IDENTIFIED), 0)
    for quantity, truth in case.counts.items():
        meant = truth if isinstance(truth, int) else counted.get(truth, 0)
        tokens = quantity == "partial tokens"
        yield Row(quantity, "count", meant, reported.get(quantity, 0), _TOKEN_PART * meant + 1 if tokens else 0)


def _times(case: AgentCase, found: Counted, ledger: AgentLedger) -> Iterator[Row]:
    """Of the steady interval: beside the instants at which tokens truly left, as the server noted them."""
    steady = pooled(found.run.by_second(found.run.total_names()), found.run.seconds())
    first, gaps = noted(ledger)
    sources = {"ttft": ("ttft", first), "response": (RESPONSE_OK, first), "token gap": ("token gap", gaps)}
    for quantity in case.times:
        histogram, left = steady.histogram(sources[quantity][0]), sources[quantity][1]
        for name, quantile in _QUANTILES:
            truth = rank_value(left, quantile)
            reported_us = histogram.quantile_us(quantile)
            reported = None if reported_us is None else reported_us * 1e3
            allowed = _GAP_NS if quantity == "token gap" else _RELATIVE * truth + _ABSOLUTE_NS
            noise = found.strangers.lateness_ns(1 - (1 - quantile) / _CHANCES)
            yield Row(f"{quantity} {name}", "ns", truth, reported, allowed, noise=noise)


command = case_command(
    "benchmarks.accuracy.agents",
    CASES,
    _experiment,
    about="Compare what the suite reports of agents with a server that notes and counts what it does.",
    section="Accuracy of agents",
)

if __name__ == "__main__":
    command()
