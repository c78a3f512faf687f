"""Every fault of agents, dialled and watched over real sockets: it comes about exactly as often as dialled."""

import json
import time
from collections import Counter
from typing import Any

import httpx
import pytest
from served import Target
from target_waiting import wait_until
from websockets.exceptions import ConnectionClosed

QUICK = "phase 0; first 0; token 0; tokens 8"
ASKED = {"query": "reduce cost", "user_id": "user_42"}


def outcome(reply: httpx.Response) -> str:
    """What a client makes of an answer in one piece."""
    if reply.headers["content-type"] != "application/json":
        return "html"
    try:
        document = reply.json()
    except json.JSONDecodeError:
        return "malformed"
    if reply.status_code != 200:
        return f"{reply.status_code} {document['error']['kind']}"
    if document["user_id"] != "user_42":
        return f"of {document['user_id']}: {document['savings']}"
    return "right" if document["savings"] == 8.52 else f"wrong: {document['savings']}"


def ask(target: Target, **asked: Any) -> str:
    try:
        return outcome(target.http.post("/api/agent/execute", json={**ASKED, **asked}, timeout=20))
    except httpx.RemoteProtocolError:
        return "cut"


def stream(target: Target, *, timeout: float = 20) -> list[str]:
    """The names of the events of a stream, tokens that are no JSON as `malformed`; its end: whole, cut, silence."""
    names, end = [], "whole"
    body = {**ASKED, "stream": True}
    with target.http.stream("POST", "/api/agent/execute", json=body, timeout=timeout) as reply:
        try:
            for line in reply.iter_lines():
                if line.startswith("event: "):
                    names.append(line.removeprefix("event: "))
                elif line.startswith("data: ") and not line.endswith(("}", "]")):
                    names[-1:] = ["malformed"]
        except httpx.RemoteProtocolError:
            end = "cut"
        except httpx.ReadTimeout:
            end = "silence"
    return [*names, end]


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("html every 3", "html"),
        ("provider every 3", "502 provider"),
        ("provider every 3 429", "502 provider"),
        ("cut every 3", "cut"),
        ("malformed every 3", "malformed"),
        ("wrong every 3", "wrong: 9.38"),
        ("mixup every 3", "of user_43: 8.58"),
    ],
)
@pytest.mark.parametrize("slow", [True, False], ids=["with phases", "at once"])
def test_fault_of_an_answer_in_one_piece_is_exact(target: Target, fault: str, seen: str, *, slow: bool) -> None:
    """The third, the sixth and the ninth of ten, and the dial has counted them."""
    target.dial(agents=f"{QUICK}; {fault}" if slow or "provider" in fault else fault)
    outcomes = [ask(target) for _ in range(10)]
    assert outcomes == ([*["right"] * 2, seen] * 4)[:10]
    counted = target.counted("agents")
    assert counted.pop("executions") == 10
    assert counted == dict.fromkeys(counted, 0) | {fault.split()[0]: 3}


@pytest.mark.parametrize(
    ("fault", "tokens", "last"),
    [("cut every 3", ["token"] * 4, ["cut"]), ("provider every 3", [], ["error", "whole"])],
)
def test_stream_that_breaks_is_exact(target: Target, fault: str, tokens: list[str], last: list[str]) -> None:
    """Cut after half of its tokens without the end of the body; an error event where the provider failed."""
    target.dial(agents=f"{QUICK}; {fault}")
    streams = [stream(target) for _ in range(6)]
    begin = ["started", "phase", "phase", "phase", "tool", *["phase"] * 4]
    broken, whole = [*begin, *tokens, *last], [*begin, *["token"] * 8, "phase", "completed", "whole"]
    assert streams == [whole, whole, broken, whole, whole, broken]
    assert target.counted("agents")[fault.split()[0]] == 2


def test_malformed_event_is_one_in_the_middle(target: Target) -> None:
    """The fourth of eight tokens is no JSON; the stream goes on and completes."""
    target.dial(agents=f"{QUICK}; malformed every 2")
    whole, spoilt = stream(target), stream(target)
    assert "malformed" not in whole
    assert [name for name in spoilt if name in ("token", "malformed")] == [*["token"] * 3, "malformed", *["token"] * 4]
    assert spoilt[-2:] == ["completed", "whole"]


def test_chat_stream_has_the_same_faults(target: Target) -> None:
    """Cut, malformed, HTML, the provider's error as an error chunk."""
    asked = {"model": "m", "messages": [{"role": "user", "content": "cost"}], "stream": True}
    target.dial(agents=f"{QUICK}; provider every 4; html every 2")
    replies = [target.http.post("/v1/chat/completions", json=asked) for _ in range(4)]
    ends = Counter(reply.text.rstrip("\n").rpartition("\n")[2][:30] for reply in replies)
    assert ends["data: [DONE]"] == 1
    assert ends['data: {"error":{"message":"the'] == 1
    assert [reply.headers["content-type"] for reply in replies].count("text/html; charset=utf-8") == 2
    target.dial(agents=f"{QUICK}; cut 100%")
    with pytest.raises(httpx.RemoteProtocolError):
        target.http.post("/v1/chat/completions", json=asked)


def test_hung_execution_says_half_and_then_nothing(target: Target) -> None:
    """The second of two stops after its fourth token; its client gives up, which frees the worker."""
    target.dial(agents=f"{QUICK}; hang every 2")
    assert stream(target)[-1] == "whole"
    assert stream(target, timeout=0.5)[-5:] == [*["token"] * 4, "silence"]
    assert target.counted("agents")["hang"] == 1
    wait_until(lambda: target.agents()["running"] == 0)


def test_hung_execution_in_one_piece_ends_with_its_limit(target: Target) -> None:
    """504 of the kind timeout, and the metrics know a timeout."""
    before = target.metric("netra_agent_timeouts_total")
    target.dial(agents=f"{QUICK}; hang 100%; limit 50ms")
    assert ask(target) == "504 timeout"
    assert stream(target)[-2:] == ["error", "whole"]
    assert target.metric("netra_agent_timeouts_total") == before + 2


def test_endless_execution_never_stops(target: Target) -> None:
    """More tokens than any report has; the client goes away, and so does the execution."""
    target.dial(agents=f"{QUICK}; endless 100%")
    tokens = 0
    with target.http.stream("POST", "/api/agent/execute", json={**ASKED, "stream": True}, timeout=20) as reply:
        for line in reply.iter_lines():
            tokens += line == "event: token"
            if tokens == 2_000:
                break
    assert target.counted("agents")["endless"] == 1
    wait_until(lambda: target.agents()["running"] == 0)


def test_paused_workers_let_executions_wait(target: Target) -> None:
    """For as long as dialled since the dial was turned; the stream says how long it waited."""
    target.dial(agents=f"{QUICK}; pause 300ms")
    began = time.monotonic()
    reply = target.http.post("/api/agent/execute", json={**ASKED, "stream": True}, timeout=20)
    assert time.monotonic() - began >= 0.2
    started = json.loads(reply.text.split("\n")[1].removeprefix("data: "))
    assert started["queued_ms"] >= 200


def test_backlog_is_seen_and_can_be_cleared(target: Target) -> None:
    """250 executions of an hour: 100 busy workers, 150 queued; clearing drops the queue, turning off nothing more."""
    try:
        target.dial(agents="backlog 200 of 400ms")
        status = target.agents()
        assert (status["queued"], status["running"]) == (100, 100)
        assert target.metric("netra_agent_queue_length") == 100
        assert target.http.post("/api/admin/clear-agent-queue").json() == {"cleared": 100}
        assert target.agents()["queued"] == 0
    finally:
        wait_until(lambda: target.agents()["running"] == 0)


@pytest.mark.parametrize("slow", [True, False], ids=["event by event", "as a series"])
def test_sockets_have_the_faults_of_agents(target: Target, *, slow: bool) -> None:
    """A wrong sum, a malformed event, an HTML page; and a connection that ends without a closing handshake."""
    faults = "html every 4; malformed every 4; wrong every 4; cut every 4"
    target.dial(agents=f"{QUICK}; {faults}" if slow else faults)
    seen: Counter[str] = Counter()
    for _ in range(8):
        with target.open("?mode=events") as client:
            client.send(json.dumps({"type": "execute", "id": 1, **ASKED}))
            seen.update(socket_outcomes(client))
    assert seen == {"html": 2, "malformed": 2, "completed": 4, "9.38": 2, "8.52": 2, "cut": 2}


def socket_outcomes(client: Any) -> list[str]:
    seen = []
    while True:
        try:
            message = client.recv(timeout=10)
        except ConnectionClosed:
            return [*seen, "cut"]
        if message.startswith("<"):
            return [*seen, "html"]
        try:
            event = json.loads(message)
        except json.JSONDecodeError:
            seen.append("malformed")
            continue
        if event["type"] == "completed":
            return [*seen, "completed", str(event["savings"])]
