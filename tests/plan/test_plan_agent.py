"""What a plan says of agents: executions, ways to talk, right answers, limits, thresholds."""

import pytest

from loadtests.errors import PlanError
from loadtests.plan.loader import plan_from_document
from loadtests.plan.model import Plan, Scenario
from loadtests.plan.protocol.agent import AgentSettings, Expected, Limits
from loadtests.plan.summary import outlooks, schedule_summary
from loadtests.plan.thresholds import format_threshold, parse_threshold, samples_needed

ASK = {"name": "ask", "prompt": "reduce cost for {{user}}", "user": "{{user}}"}
LOAD = {"users": 50, "duration": "300s"}


def _plan(changes: dict, operation: dict | None = None) -> Plan:
    scenario = {
        "driver": "agent",
        "load": LOAD,
        "timeout": "30s",
        "data": {"user": {"sequence": "1..9"}},
        "operations": [{**ASK, **(operation or {})}],
        **changes,
    }
    target = {"http": "http://127.0.0.1:9"}
    document = {"version": 1, "target": target, "scenarios": {"agents": scenario}}
    return plan_from_document(document, source="p.yaml", environ={})


def _read(changes: dict | None = None, operation: dict | None = None) -> Scenario:
    return _plan(changes or {}, operation).scenarios["agents"]


def _mistake(changes: dict, operation: dict | None = None) -> str:
    with pytest.raises(PlanError) as caught:
        _plan(changes, operation)
    assert len(caught.value.mistakes) == 1, caught.value
    return str(caught.value.mistakes[0])


def test_an_execution_is_read_whole() -> None:
    """Prompts in turns, who asks, the right answer, limits."""
    found = _read(
        operation={
            "prompt": ["one", "two for {{execution}}"],
            "complexity": "complex",
            "thread": "t{{user}}",
            "timeout": "5s",
            "answer": {"json": "savings", "equals": "{{user}}", "within": 0.005},
            "body": {"depth": 1},
            "limits": {"total": "5s", "ttft": "1s", "gap": "250ms"},
        }
    )
    (one,) = found.operations
    assert (one.prompts, one.complexity, one.thread) == (("one", "two for {{execution}}"), "complex", "t{{user}}")
    assert one.expected == Expected("{{user}}", "savings", 0.005)
    assert one.limits == Limits(5 * 10**9, 10**9, 250 * 10**6)
    assert found.timeout_of(one) == 5 * 10**9
    assert found.agent == AgentSettings()


@pytest.mark.parametrize(
    ("api", "path"),
    [("answer", "/api/agent/execute"), ("stream", "/api/agent/execute"), ("openai", "/v1/chat/completions")],
)
def test_each_way_to_talk_has_its_path(api: str, path: str) -> None:
    """Unless the plan gives another."""
    assert _read({"agent": {"api": api}}).agent.path == path
    assert _read({"agent": {"api": api, "path": "/x?y=1"}}).agent.path == "/x?y=1"


@pytest.mark.parametrize(
    ("changes", "operation", "expected"),
    [
        ({}, {"prompt": ""}, "operations.ask.prompt: expected something to ask"),
        ({}, {"prompt": []}, "operations.ask.prompt: expected something to ask"),
        ({}, {"prompt": "for {{usr}}"}, "{{usr}} is fed by nothing"),
        ({}, {"complexity": "hard"}, "complexity: expected simple or complex"),
        ({}, {"answer": {"json": "savings"}}, "answer.equals: is required"),
        ({}, {"answer": {"equals": "much", "within": 1}}, "expected a number, or a {{name}} that gives one"),
        ({}, {"system": "be brief"}, "only api: openai has a system prompt"),
        ({}, {"body": {"query": "x"}}, "body.query: the driver makes this field itself"),
        ({"agent": {"api": "openai"}}, {"complexity": "simple"}, "api: openai has no such field"),
        ({"agent": {"api": "soap"}}, {}, "agent.api: expected answer or stream or openai"),
        ({"agent": {"path": "agents"}}, {}, "agent.path: expected a /path"),
        ({"agent": {"queue": "/a b"}}, {}, "agent.queue: expected a /path"),
        ({"agent": {"bearer": "k", "headers": {"Authorization": "x"}}}, {}, "an authorization header already"),
        ({"data": {"user": {"sequence": "1..9"}, "execution": {"sequence": "1..9"}}}, {}, "choose another name"),
        ({"http": {"keep_alive": False}}, {}, "http: does not belong to the agent driver"),
        ({"load": {"connections": 5, "duration": "9s"}}, {}, "connections do not belong to the agent driver"),
        ({"thresholds": ["ttft p95 < 1s"]}, {}, "comes at once has no ttft: give agent.api stream or openai"),
        ({"thresholds": ["queue < 10"]}, {}, "nothing looks at the queue: give agent.queue its path"),
        ({"thresholds": ["accuracy > 99%"]}, {}, "no operation says what the right answer is"),
        ({"thresholds": ["mixed up <= 0%"]}, {"user": None}, "no operation says who asks"),
        ({"thresholds": ["first byte p95 < 1s"]}, {}, "measures ttft and first events"),
        ({"thresholds": ["phase p95 < 1s"]}, {}, "phase needs the name of one"),
        ({"thresholds": ["ask: queue < 1"], "agent": {"queue": "/q"}}, {}, "measured for the whole scenario"),
        ({"agent": {"api": "openai"}, "thresholds": ["phase triage p95 < 1s"]}, {}, "does not tell its phases"),
        ({"thresholds": ["queue < 10s"], "agent": {"queue": "/q"}}, {}, "expected a number such as 10"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_a_mistake(changes: dict, operation: dict, expected: str) -> None:
    """With its place, and what to do."""
    assert expected in _mistake(changes, operation)


def test_what_opens_the_door_is_hidden() -> None:
    """The bearer where it stands; a secret of the environment also in what is asked."""
    agent = {"bearer": "sk-12345678", "headers": {"x-api-key": "other-key-1"}}
    operation = {**ASK, "prompt": "say ${API_KEY}", "system": None}
    scenario = {"driver": "agent", "load": LOAD, "agent": agent, "operations": [operation]}
    scenario["data"] = {"user": {"sequence": "1..9"}}
    document = {"version": 1, "target": {"http": "http://127.0.0.1:9"}, "scenarios": {"agents": scenario}}
    plan = plan_from_document(document, source="p.yaml", environ={"API_KEY": "from-outside-1"})
    stored = str(plan.document)
    assert not [secret for secret in ("sk-12345678", "other-key-1", "from-outside-1") if secret in stored]
    assert plan.scenarios["agents"].agent.bearer == "sk-12345678"


def test_agents_are_no_business_of_other_drivers() -> None:
    """Their metrics and settings belong to them."""
    http = {"driver": "http", "operations": [{"name": "ask", "request": "GET /"}]}
    assert "only an agent scenario measures ttft" in _mistake({**http, "thresholds": ["ttft p95 < 1s"]})
    assert "agent: does not belong to the http driver" in _mistake({**http, "agent": {"api": "stream"}})


@pytest.mark.parametrize(
    ("text", "unit", "needed"),
    [
        ("ttft p95 < 1s", "ns", 59),
        ("token gap p99 < 100ms", "ns", 299),
        ("token rate p5 > 20/s", "per_s", 59),
        ("phase data and triage p50 < 1s", "ns", 5),
        ("ask: goodput >= 95%", "ratio", 59),
        ("accuracy >= 100%", "ratio", None),
        ("mixed up <= 0%", "ratio", None),
        ("refusals < 1%", "ratio", 299),
        ("parallel >= 10", "count", None),
        ("queue < 1000", "count", None),
        ("tool calls p95 <= 2.5", "count", 59),
    ],
)
def test_thresholds_on_executions(text: str, unit: str, needed: int | None) -> None:
    """Each is read, written back equal, and knows how many samples it takes, on either side of a quantile."""
    found = parse_threshold(text)
    assert (found.unit, samples_needed(found)) == (unit, needed)
    assert parse_threshold(format_threshold(found)) == found
    assert found.text == text


def test_the_outlook_counts_executions_that_take_all_their_time() -> None:
    """50 at a time for 300 s, 30 s each, are 500: the least there can be, enough for 5% and for 2%."""
    scenario = _read({"thresholds": ["timeouts < 5%", "timeouts < 2%"]})
    found = outlooks(scenario, schedule_summary(scenario))
    assert [(one.samples, one.needed) for one in found] == [(500, 59), (500, 149)]
