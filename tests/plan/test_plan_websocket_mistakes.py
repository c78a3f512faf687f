"""WebSocket scenarios, operations and thresholds that mean nothing, each told in one sentence."""

import pytest
from websocket_plans import ECHO, HELD, RATE, mistake_in

MISTAKES = [
    ("a load without connections", {"load": {"rate": "1/s", "duration": "9s"}}, "a websocket scenario has connections"),
    ("more senders than connections", {"load": {**HELD, "senders": 51}}, "only 50 connections"),
    ("spawning past the end", {"load": {**RATE, "duration": "4s"}}, "due after 4.9s, the load's end"),
    ("a rate and a pace", {"load": {**RATE, "pacing": "1s"}}, "exclude each other"),
    ("a rate of nothing", {"load": {**RATE, "rate": "0/s"}}, "expected a rate above 0"),
    ("arrivals without a rate", {"load": {**HELD, "arrivals": "poisson"}}, "belongs to a rate"),
    ("an unknown key", {"websocket": {"pnig": "1s"}}, "did you mean ping?"),
    ("a match of nothing", {"websocket": {"match": "id"}}, "expected order, {json: path} or {regex: pattern}"),
    ("a broken regex", {"websocket": {"match": {"regex": "("}}}, "is not a regular expression"),
    ("a header of the handshake", {"websocket": {"headers": {"Sec-WebSocket-Key": "x"}}}, "sets this header itself"),
    ("a path without a beginning", {"websocket": {"path": "mode"}}, "expected a /path or a ?query"),
    ("a path that ends at a mark", {"websocket": {"path": "/a#b"}}, "without spaces, #"),
    ("a path for each", {"websocket": {"path": "/{{user}}"}}, "the path is the same for all"),
    ("no room for any message", {"websocket": {"max_message": "0B"}}, "expected a size above 0"),
    ("senders of nothing", {"load": {**HELD, "senders": 3}, "operations": []}, "there are no operations to send"),
    ("settings of http", {"http": {"keep_alive": True}}, "does not belong to the websocket driver"),
    ("a variable that is built in", {"data": {"message": {"sequence": "1..2"}}}, "choose another name"),
]


OPERATION_MISTAKES = [
    ("two messages in one", {"send": {"text": "a", "json": 1}}, {}, "exactly one of json, text and binary"),
    ("no base64", {"send": {"binary": "%"}}, {}, "expected bytes in base64"),
    ("events without an end", {"expect": "events"}, {}, "until: is required"),
    ("an end without events", {"until": {"json": {"a": 1}}}, {}, "belongs to expect: events"),
    ("a status of a message", {"check": {"status": 200}}, {}, "a message has none"),
    ("no number to match by", {"send": {"text": "hi"}}, {"match": {"json": "id"}}, "needs {{message}} in it"),
    ("copies told by order", {"expect": "broadcast"}, {}, "told by a number"),
    ("a name of the suite's own", {"name": "-connections-"}, {}, "keeps this name for itself"),
    ("an unknown expectation", {"expect": "replies"}, {}, "did you mean reply?"),
    ("a variable that nothing feeds", {"send": {"text": "{{usr}}"}}, {}, "is fed by nothing"),
]


THRESHOLD_MISTAKES = [
    ("ping p95 < 1s", {}, "give websocket.ping"),
    ("push p95 < 1s", {}, "give websocket.pushes.sent"),
    ("reach >= 99%", {}, "no operation expects a broadcast"),
    ("first event p95 < 1s", {}, "no operation expects events"),
    ("duplicated < 1%", {}, "matched by order cannot show it"),
    ("first byte p95 < 1s", {}, "no first bytes"),
    ("drops < 1% for 5s", {}, "judged over the whole run"),
    ("'echo: drops < 1%'", {}, "for the whole scenario"),
    ("'echo: connect p95 < 1s'", {}, "for the whole scenario"),
]


@pytest.mark.parametrize(("sentence", "change", "expected"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_mistakes_in_a_scenario(sentence: str, change: dict, expected: str) -> None:
    assert expected in mistake_in({"load": RATE, "operations": [ECHO], **change})


@pytest.mark.parametrize(
    ("sentence", "change", "settings", "expected"), OPERATION_MISTAKES, ids=[row[0] for row in OPERATION_MISTAKES]
)
def test_mistakes_in_an_operation(sentence: str, change: dict, settings: dict, expected: str) -> None:
    assert expected in mistake_in({"load": RATE, "operations": [{**ECHO, **change}], "websocket": settings})


@pytest.mark.parametrize(("text", "settings", "expected"), THRESHOLD_MISTAKES, ids=[r[0] for r in THRESHOLD_MISTAKES])
def test_thresholds_that_nothing_measures(text: str, settings: dict, expected: str) -> None:
    given = {"load": RATE, "operations": [ECHO], "websocket": settings, "thresholds": [text.strip("'")]}
    assert expected in mistake_in(given)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"load": {**HELD, "spawn_rate": "1/s"}}, "nothing is left to judge"),
        ({"load": {**HELD, "pacing": "1s"}}, "there are no operations to pace"),
        ({"load": RATE}, "there are no operations to send at it"),
        ({"load": HELD, "thresholds": ["p95 < 1s"]}, "connections are only held"),
    ],
)
def test_mistakes_without_operations(change: dict, expected: str) -> None:
    assert expected in mistake_in(change)


MORE_MISTAKES = [
    ("users instead of connections", {"load": {"users": 5, "duration": "9s"}}, "a websocket scenario has connections"),
    ("stages", {"load": {"stages": [{"rate": "5/s", "for": "5s"}]}}, "a websocket scenario has connections"),
    ("users beside connections", {"load": {**HELD, "users": 5}}, "does not belong to a load over held connections"),
    ("no connection", {"load": {**HELD, "connections": 0}}, "a whole number from 1 up"),
    ("connections that never come", {"load": {**HELD, "spawn_rate": "0/s"}}, "expected a rate above 0"),
    ("nobody to send", {"load": {**HELD, "senders": 0}}, "nobody would send the operations"),
    ("a pace and think time", {"load": {**HELD, "think": "1s", "pacing": "1s"}}, "exclude each other"),
    ("a header that nothing feeds", {"websocket": {"headers": {"x-a": "{{usr}}"}}}, "is fed by nothing"),
    ("a greeting with a number", {"websocket": {"on_open": [{"text": "{{message}}"}]}}, "is fed by nothing"),
    ("greetings without a list", {"websocket": {"on_open": {"text": "hi"}}}, "expected a list of messages"),
    ("a reconnect of yes", {"websocket": {"reconnect": True}}, "expected false, or the time to wait"),
    ("pings without a pause", {"websocket": {"ping": "0s"}}, "longer than 0"),
    ("a bearer said twice", {"websocket": {"bearer": "t-123456", "headers": {"Authorization": "x"}}}, "keep one"),
    ("two ways to match", {"websocket": {"match": {"json": "id", "regex": "x"}}}, "exactly one of json and regex"),
]


@pytest.mark.parametrize(("sentence", "change", "expected"), MORE_MISTAKES, ids=[row[0] for row in MORE_MISTAKES])
def test_more_mistakes_in_a_scenario(sentence: str, change: dict, expected: str) -> None:
    assert expected in mistake_in({"load": RATE, "operations": [ECHO], **change})


@pytest.mark.parametrize(
    ("sentence", "change", "expected"),
    [
        (
            "a subprotocol that ends its line",
            {"websocket": {"subprotocols": ["a\r\nx-evil: 1"]}},
            "subprotocols: expected",
        ),
        ("the same subprotocol twice", {"websocket": {"subprotocols": ["a", "a"]}}, "subprotocols: expected"),
        ("a bearer that ends its line", {"websocket": {"bearer": "tok\r\nx-evil: 1"}}, "a token is one line"),
        (
            "a last event that is any event",
            {"operations": [{**ECHO, "expect": "events", "until": {"json": {}}}]},
            "expected at least one path",
        ),
        (
            "a check of what is not expected",
            {"operations": [{**ECHO, "expect": "nothing", "check": {"contains": "x"}}]},
            "nothing is expected back that could be checked",
        ),
        (
            "lost messages where nothing is expected",
            {"operations": [{**ECHO, "expect": "nothing"}], "thresholds": ["lost < 5%"]},
            "nothing can be lost",
        ),
        (
            "first events of an operation without events",
            {
                "operations": [ECHO, {**ECHO, "name": "ask", "expect": "events", "until": {"json": {"a": 1}}}],
                "thresholds": ["echo: first event p50 < 1s"],
            },
            "no operation expects events",
        ),
    ],
)
def test_what_would_pass_falsely_or_break_the_handshake(sentence: str, change: dict, expected: str) -> None:
    assert expected in mistake_in({"load": RATE, "operations": [ECHO], **change})
