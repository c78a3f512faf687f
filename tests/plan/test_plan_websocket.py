"""What a plan says of WebSockets: loads over held connections, messages, settings, thresholds."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st
from websocket_plans import ECHO, HELD, RATE, document_of, mistake_in, plan_of

from loadtests.cli.check import command
from loadtests.errors import PlanError
from loadtests.plan.loader import plan_from_document
from loadtests.plan.model import ClosedLoad, OpenLoad
from loadtests.plan.profile import arrivals
from loadtests.plan.protocol.websocket import Match, Message, Sequenced
from loadtests.plan.schema import plan_schema
from loadtests.plan.selection import narrowed
from loadtests.plan.summary import outlooks, schedule_summary
from loadtests.plan.thresholds import format_threshold, parse_threshold, samples_needed


def test_a_rate_over_connections_is_open_and_climbs_with_them() -> None:
    """The last of 50 at 10/s is due after 4.9 s; arrivals are those of a climb and a hold."""
    found = plan_of({"load": RATE, "operations": [ECHO]}).scenarios["talk"]
    load = found.load
    assert isinstance(load, OpenLoad)
    assert load.connections is not None
    assert (load.connections.count, load.connections.senders, load.ramp_ns) == (50, 50, 4_900_000_000)
    assert sum(len(chunk.index) for chunk in arrivals(found)) == round(4.9 * 50 + 15.1 * 100)


@pytest.mark.parametrize(
    ("sentence", "extra", "users"),
    [
        ("with a pace each sender is a user", {"pacing": "1s"}, 50),
        ("with think time too", {"think": "1s..2s"}, 50),
        ("back to back without either", {}, 50),
        ("only the senders are users", {"senders": 3, "pacing": "1s"}, 3),
    ],
)
def test_connections_without_a_rate_are_a_closed_load(sentence: str, extra: dict, users: int) -> None:
    load = plan_of({"load": {**HELD, **extra}, "operations": [ECHO]}).scenarios["talk"].load
    assert isinstance(load, ClosedLoad)
    assert (load.users, load.spawn_rate, load.ramp_ns) == (users, 10.0, 4_900_000_000)


ASK = {"name": "ask", "send": {"json": {"id": "{{message}}"}}, "expect": "events", "until": {"json": {"end": True}}}
TELL = {"name": "tell", "send": {"json": {"id": "{{message}}"}}, "expect": "broadcast"}


@pytest.mark.parametrize(
    ("sentence", "text", "operations", "samples"),
    [
        ("a ping of each connection every second of the steady interval", "ping p50 < 1s", [ECHO], 50 * 15),
        ("a ping of each connection every second of a window", "ping p50 < 1s for 5s", [ECHO], 50 * 5),
        ("the lag of each message", "lag p50 < 1s", [ECHO], 1510),
        ("the lag of each connection, where nothing is sent", "lag p50 < 1s", [], 50),
        ("a first event of every second message", "first event p50 < 1s", [TELL, ASK], 755),
        ("a copy on each connection of every second message", "delivery p50 < 1s", [TELL, ASK], 755 * 50),
        ("how many pushes there will be is not known", "push p50 < 1s", [ECHO], None),
    ],
)
def test_the_samples_a_claim_can_expect(sentence: str, text: str, operations: list, samples: int | None) -> None:
    settings = {"ping": "1s", "pushes": {"sent": "at"}, "match": {"json": "id"}}
    echoes = [{**one, "send": {"json": {"id": "{{message}}"}}} for one in operations]
    load = RATE if operations else {**HELD, "duration": "20s"}
    plan = plan_of({"load": load, "operations": echoes, "websocket": settings, "thresholds": [text]})
    found = plan.scenarios["talk"]
    (outlook,) = outlooks(found, schedule_summary(found))
    assert outlook.samples == samples


def test_connections_without_operations_are_only_held() -> None:
    found = plan_of({"load": HELD, "thresholds": ["drops < 10%"]}).scenarios["talk"]
    assert isinstance(found.load, OpenLoad)
    assert [list(chunk.index) for chunk in arrivals(found)] == []
    assert schedule_summary(found).offered == 0
    (outlook,) = outlooks(found, schedule_summary(found))
    assert (outlook.samples, outlook.needed, outlook.suffices) == (50, 29, True)


def test_everything_that_can_be_said_of_connections_is_read() -> None:
    settings = {
        "path": "?mode=x",
        "headers": {"x-user": "{{user}}"},
        "bearer": "open-sesame-77",
        "subprotocols": ["a", "b"],
        "compression": True,
        "on_open": [{"json": {"type": "subscribe"}}, {"text": "hi {{user}}"}, {"binary": "AAE="}],
        "match": {"regex": "id=(\\d+)"},
        "pushes": {"number": "seq", "sent": "at"},
        "ping": "20s",
        "ping_timeout": "5s",
        "reconnect": "1s",
        "max_message": "64kB",
    }
    operation = {
        "name": "ask",
        "send": {"text": "id={{message}}"},
        "expect": "events",
        "until": {"json": {"type": "done"}},
    }
    given = {"load": RATE, "operations": [operation], "websocket": settings, "data": {"user": {"sequence": "1..9"}}}
    plan = plan_of(given)
    found = plan.scenarios["talk"].websocket
    assert found.on_open == (
        Message("json", {"type": "subscribe"}),
        Message("text", "hi {{user}}"),
        Message("binary", b"\0\1"),
    )
    assert (found.match, found.pushes) == (Match("regex", "id=(\\d+)"), Sequenced("seq", "at"))
    assert (found.ping_ns, found.ping_timeout_ns, found.reconnect_ns) == (20 * 10**9, 5 * 10**9, 10**9)
    assert (found.max_message_bytes, found.compression, found.subprotocols) == (64_000, True, ("a", "b"))
    assert dict(plan.scenarios["talk"].operations[0].until) == {"type": "done"}  # type: ignore[union-attr]
    again = plan_from_document(plan.document, source="p.yaml", environ={})
    assert again.scenarios["talk"].websocket.ping_ns == found.ping_ns


def test_a_bearer_is_a_secret_wherever_it_stands() -> None:
    settings = {"bearer": "open-sesame-77", "on_open": [{"text": "I am open-sesame-77"}]}
    given = {"load": RATE, "operations": [{"name": "tell", "send": {"text": "open-sesame-77"}}], "websocket": settings}
    plan = plan_of(given)
    assert "open-sesame-77" in plan.secrets
    assert "open-sesame-77" not in str(plan.document)
    assert plan.scenarios["talk"].websocket.bearer == "open-sesame-77"


def test_connection_words_belong_to_websockets() -> None:
    document = {
        "version": 1,
        "target": {"http": "http://127.0.0.1:9"},
        "scenarios": {
            "api": {
                "driver": "http",
                "load": {"connections": 5, "duration": "5s"},
                "operations": [{"name": "a", "request": "GET /"}],
                "thresholds": ["connection drops < 1%", "lost < 1%"],
                "websocket": {"ping": "1s"},
            }
        },
    }
    with pytest.raises(PlanError) as caught:
        plan_from_document(document, source="p.yaml", environ={})
    text = str(caught.value)
    assert "connections do not belong to the http driver" in text
    assert "only a websocket or database scenario measures connection drops" in text
    assert "only a websocket scenario measures lost" in text
    assert "websocket: does not belong to the http driver" in text


def test_drops_are_of_connections_here_and_read_back_the_same() -> None:
    plan = plan_of({"load": RATE, "operations": [ECHO], "thresholds": ["drops < 1% [LOAD-WS]"]})
    (threshold,) = plan.scenarios["talk"].thresholds
    assert (threshold.metric, threshold.text, threshold.clause) == ("connection drops", "drops < 1%", "LOAD-WS")
    assert plan_from_document(plan.document, source="p.yaml", environ={}).scenarios["talk"].thresholds == (threshold,)


def test_a_shortened_scenario_spawns_in_half_its_time_at_most() -> None:
    document = document_of({"load": HELD, "thresholds": ["drops < 10%"]})
    document["suites"] = {"short": {"scenarios": ["talk"], "duration": "4s"}}
    plan = narrowed(plan_from_document(document, source="p.yaml", environ={}), ["short"])
    load = plan.scenarios["talk"].load
    assert load.duration_ns == 4 * 10**9
    assert load.ramp_ns <= 2 * 10**9


def test_the_embedded_target_takes_the_place_of_the_address() -> None:
    plan = plan_of({"load": HELD}, embedded="http://127.0.0.1:4321")
    assert plan.target.websocket == "ws://127.0.0.1:4321/ws"


@pytest.mark.parametrize(
    ("sentence", "operation", "match"),
    [
        ("bytes may carry their own mark", {"send": {"binary": "AAE="}}, {"regex": "x"}),
        ("what expects nothing needs no number", {"send": {"text": "hi"}, "expect": "nothing"}, {"json": "id"}),
        ("by order nothing needs a number", {"send": {"json": False}}, "order"),
        ("the number may lie deep", {"send": {"json": {"a": [{"b": "n={{message}}"}]}}}, {"regex": "n=(.*)"}),
    ],
)
def test_messages_that_can_be_matched(sentence: str, operation: dict, match: object) -> None:
    plan = plan_of({"load": RATE, "operations": [{"name": "x", **operation}], "websocket": {"match": match}})
    assert plan.scenarios["talk"].operations


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("ping p95 < 1s", {"websocket": {"ping": "1s"}}),
        ("push p95 < 1s", {"websocket": {"pushes": {"sent": "at"}}}),
        ("duplicated < 5%", {"websocket": {"match": {"json": "id"}}}),
        ("echo: out of order < 5%", {"websocket": {"match": {"regex": "x"}}}),
        ("echo: lost < 5%", {}),
        (
            "echo: reach >= 99%",
            {"operations": [{**ECHO, "expect": "broadcast"}], "websocket": {"match": {"json": "id"}}},
        ),
        ("first event p95 < 1s", {"operations": [{**ECHO, "expect": "events", "until": {"json": {"end": True}}}]}),
        ("connection drops < 1%", {}),
        ("connect failures < 1% abort after 5s", {}),
    ],
)
def test_thresholds_that_something_measures(text: str, change: dict) -> None:
    (found,) = (
        plan_of({"load": RATE, "operations": [ECHO], **change, "thresholds": [text]}).scenarios["talk"].thresholds
    )
    assert (found.text, format_threshold(parse_threshold(found.text))) == (text, text)


def test_what_is_pushed_is_judged_without_a_match() -> None:
    given = {"load": HELD, "websocket": {"pushes": {"number": "n"}}}
    claims = ["lost < 5%", "duplicated < 5%", "out of order < 5%"]
    plan = plan_of({**given, "thresholds": claims})
    found = plan.scenarios["talk"]
    assert [one.text for one in found.thresholds] == claims
    assert [one.samples for one in outlooks(found, schedule_summary(found))] == [None] * 3


def test_drops_are_of_arrivals_until_a_scenario_says_otherwise() -> None:
    assert parse_threshold("drops < 1%").metric == "drops"
    twice = {"load": RATE, "operations": [ECHO], "thresholds": ["drops < 1%", "connection drops < 1%"]}
    assert "says the same as an earlier threshold" in mistake_in(twice)


@pytest.mark.parametrize(
    ("text", "needed"),
    [("reach > 99%", 299), ("lost < 1%", 299), ("connect failures < 5%", 59), ("ping p99 < 1s", 299)],
)
def test_samples_a_claim_needs(text: str, needed: int) -> None:
    """A share that should be high needs as many as one that should be low by as much."""
    assert samples_needed(parse_threshold(text)) == needed


def test_a_scenario_needs_an_address() -> None:
    document = document_of({"load": HELD})
    for target in ({}, {"http": "http://127.0.0.1:9"}):
        with pytest.raises(PlanError, match=r"target\.websocket: is required: scenario talk connects to it"):
            plan_from_document({**document, "target": target}, source="p.yaml", environ={})


def test_a_secret_in_the_path_is_masked_and_used() -> None:
    document = document_of({"load": HELD, "websocket": {"path": "?token=${TOKEN}"}})
    plan = plan_from_document(document, source="p.yaml", environ={"TOKEN": "open-sesame-77"})
    assert plan.scenarios["talk"].websocket.path == "?token=open-sesame-77"
    assert "open-sesame-77" not in str(plan.document)


def test_an_embedded_target_with_tls_is_spoken_to_with_tls() -> None:
    assert plan_of({"load": HELD}, embedded="https://127.0.0.1:4321/").target.websocket == "wss://127.0.0.1:4321/ws"


@example(count=30, rate=10, seconds=5)
@given(count=st.integers(1, 20_000), rate=st.integers(1, 5_000), seconds=st.integers(1, 600))
def test_shortening_always_leaves_half_to_judge(count: int, rate: int, seconds: int) -> None:
    """Whatever the connections and their rate; messages over them and their thresholds stay what they were."""
    whole_s = count // rate + 601
    load = {"connections": count, "spawn_rate": f"{rate}/s", "duration": f"{whole_s}s", "rate": "50/s"}
    document = document_of({"load": load, "operations": [ECHO], "thresholds": ["drops < 9%", "p50 < 1s for 400s"]})
    document["suites"] = {"short": {"scenarios": ["talk"], "duration": f"{seconds}s"}}
    found = narrowed(plan_from_document(document, source="p.yaml", environ={}), ["short"]).scenarios["talk"]
    assert found.load.duration_ns == seconds * 10**9
    assert found.load.ramp_ns <= seconds * 10**9 // 2
    assert [one.metric for one in found.thresholds] == ["connection drops", "latency"]
    assert (found.thresholds[1].sliding_ns or 0) <= found.steady_ns[1] - found.steady_ns[0]


def test_check_shows_what_becomes_of_connections(tmp_path: Path) -> None:
    document = document_of({"load": {**RATE, "senders": 10}, "operations": [ECHO], "thresholds": ["drops < 1%"]})
    document["scenarios"]["held"] = {"driver": "websocket", "load": {"connections": 7, "duration": "3s"}}
    (tmp_path / "p.yaml").write_text(json.dumps(document))
    shown = CliRunner().invoke(command, ["-f", str(tmp_path / "p.yaml")], catch_exceptions=False).output
    assert "50, opened 10/s, all due after 4.9 s, held until 20 s; 10 of them send" in shown
    assert "7, opened all at once, held until 3 s\n" in shown
    assert "held · websocket · connections that are only held" in shown
    assert "too few" in shown


@pytest.mark.parametrize("key", ["load", "operations", "websocket", "thresholds", "data"])
@pytest.mark.parametrize("junk", [5, True, "text", [], {}, [[1]], {"a": {"b": 1}}, [None], {"match": [1], "json": {}}])
def test_junk_is_a_plan_or_a_mistake_in_our_own_words(key: str, junk: object) -> None:
    said = ""
    try:
        plan_of({"load": RATE, "operations": [ECHO], key: junk})
    except PlanError as error:
        said = str(error)
    assert not re.search(r"pydantic|validation|type=|<class|NoneType", said)


def test_the_schema_takes_what_the_loader_takes() -> None:
    settings = {"match": {"json": "id"}, "reconnect": False, "ping": "1s", "pushes": {"number": "n"}}
    document = document_of({"load": RATE, "operations": [ECHO], "websocket": settings})
    plan_from_document(document, source="p.yaml", environ={})
    jsonschema.validate(document, plan_schema())
    document["scenarios"]["talk"]["websocket"] = {"pnig": "1s"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, plan_schema())
