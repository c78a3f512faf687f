"""Agents over real sockets: executions in one piece and as streams, the queue, and what their dial does to them."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import Target

PHASES = ["triage", "data", "optimisation", "report"]
FAST = "phase 1ms; first 1ms; token 1ms; tokens 8"
ASKED = {"query": "reduce cost", "user_id": "user_42"}
Event = tuple[str, dict[str, Any]]


def events_of(text: str) -> list[Event]:
    """The events of a stream, by name and document."""
    blocks = [block.split("\n") for block in text.split("\n\n") if block]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


def stream(target: Target, **asked: Any) -> list[Event]:
    reply = target.http.post("/api/agent/execute", json={**ASKED, "stream": True, **asked}, timeout=20)
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    return events_of(reply.text)


def together(target: Target, documents: list[dict[str, Any]]) -> list[httpx.Response]:
    """Ask all at once, each over a connection of its own."""

    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=target.http.base_url, timeout=20) as client:
            return await asyncio.gather(*(client.post("/api/agent/execute", json=asked) for asked in documents))

    return asyncio.run(ask())


def test_stream_tells_an_execution_from_start_to_result(target: Target) -> None:
    """Events in the order of the wire contract, eight tokens, and a result that says what the tokens say."""
    target.dial(agents=FAST)
    told = stream(target)
    names = [name for name, _ in told]
    assert names == ["started", "phase", "phase", "phase", "tool", *["phase"] * 4, *["token"] * 8, "phase", "completed"]
    phases = [(about["name"], about["state"]) for name, about in told if name == "phase"]
    assert phases == [(phase, state) for phase in PHASES for state in ("began", "ended")]
    started, result = told[0][1], told[-1][1]
    assert started == {"run_id": result["run_id"], "user_id": "user_42", "queued_ms": 0.0}
    text = "".join(about["text"] for name, about in told if name == "token")
    assert text.rstrip() == result["text"] == "Savings for user_42: 8.52 USD a month by"
    assert (result["status"], result["savings"], result["tokens"]) == ("completed", 8.52, 8)
    assert list(result["phases"]) == PHASES


def test_accept_header_asks_for_a_stream_too(target: Target) -> None:
    """`Accept: text/event-stream` is `stream: true`."""
    target.dial(agents=FAST)
    reply = target.http.post("/api/agent/execute", json=ASKED, headers={"accept": "text/event-stream"})
    assert events_of(reply.text)[-1][0] == "completed"


def test_complexity_in_one_piece_is_the_result_of_the_stream(target: Target) -> None:
    """The same document; complex has three tools, and says what it is."""
    target.dial(agents=FAST)
    asked = {**ASKED, "complexity": "complex", "thread_id": "t"}
    whole = target.http.post("/api/agent/execute", json=asked).json()
    told = stream(target, complexity="complex", thread_id="t")
    varying = ("run_id", "duration_ms", "phases", "queued_ms")
    assert {name: whole[name] for name in whole if name not in varying} == {
        name: told[-1][1][name] for name in told[-1][1] if name not in varying
    }
    assert (whole["complexity"], whole["thread_id"]) == ("complex", "t")
    assert [about["name"] for name, about in told if name == "tool"] == ["usage", "invoices", "reservations"]


def test_times_are_those_dialled(target: Target) -> None:
    """Three phases, a first token, seven gaps: each of them due at its own instant, and not sooner."""
    target.dial(agents="phase 20ms; first 50ms; token 10ms; tokens 8")
    result = stream(target)[-1][1]
    ends = [round(end, 5) for end in accumulate(result["phases"][phase] for phase in PHASES)]
    assert all(end >= due for end, due in zip(ends, (0.02, 0.04, 0.06, 0.18), strict=True))
    assert result["duration_ms"] >= 180


def test_nothing_dialled_and_nothing_asked_takes_no_time(target: Target) -> None:
    """The quick answer has no phases, no tokens, and calls no provider."""
    document = target.http.post("/api/agent/execute", json=ASKED).json()
    assert document.keys().isdisjoint({"phases", "tokens", "text"})
    target.dial(agents="first 1ms")
    assert target.http.post("/api/agent/execute", json=ASKED).json()["tokens"] == 32


def test_chat_completion_streams_what_the_agent_says(target: Target) -> None:
    """Chunks with the user who asked, a tool call, the tokens, the reason it stopped, [DONE]."""
    target.dial(agents=FAST)
    asked = {"model": "netra-simple", "messages": [{"role": "user", "content": "my bill"}], "user": "42"}
    lines = target.http.post("/v1/chat/completions", json={**asked, "stream": True}).text.split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
    assert {chunk["user_id"] for chunk in chunks} == {"42"}
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0]["tool_calls"][0]["function"]["name"] == "usage"
    text = "".join(delta.get("content", "") for delta in deltas)
    assert text.rstrip() == "Savings for 42: 8.52 USD a month by"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    whole = target.http.post("/v1/chat/completions", json=asked).json()
    assert whole["choices"][0]["message"]["content"] == text.rstrip()
    assert whole["usage"] == chunks[-1]["usage"] == {"completion_tokens": 8}


def test_chat_without_a_user_names_none(target: Target) -> None:
    """Any OpenAI client can ask; a model with "complex" in its name works harder."""
    target.dial(agents="phase 0; first 0; token 0")
    asked = {"model": "netra-complex", "messages": [{"role": "user", "content": "hi"}]}
    whole = target.http.post("/v1/chat/completions", json=asked).json()
    assert "user_id" not in whole
    assert whole["choices"][0]["message"]["content"].startswith("Savings: 1.52 USD")
    assert whole["usage"]["completion_tokens"] == 128


@pytest.mark.parametrize(
    ("path", "asked", "sentence"),
    [
        ("/api/agent/execute", {**ASKED, "complexity": "hard"}, "complexity: expected simple or complex"),
        ("/api/agent/execute", {**ASKED, "stream": "yes"}, "stream: expected true or false"),
        ("/v1/chat/completions", {"messages": []}, "model: expected a name"),
        ("/v1/chat/completions", {"model": "m", "messages": []}, "messages: expected a list"),
        ("/v1/chat/completions", {"model": "m", "messages": [{"content": "x"}], "user": "bob"}, "user_id: expected"),
    ],
)
def test_wrong_question_is_refused(target: Target, path: str, asked: dict[str, Any], sentence: str) -> None:
    """422 with a sentence."""
    reply = target.http.post(path, json=asked)
    assert reply.status_code == 422
    assert reply.json()["error"].startswith(sentence)


def test_socket_tells_the_same_events_as_a_stream(target: Target) -> None:
    """Names and contents in the same order, the id in each; two side by side on one connection."""
    target.dial(agents=FAST)
    told = stream(target, complexity="complex")
    with target.open("?mode=events") as client:
        for number in ("a", "b"):
            client.send(json.dumps({"type": "execute", "id": number, "complexity": "complex", **ASKED}))
        heard: dict[str, list[Event]] = {"a": [], "b": []}
        while any(not events or events[-1][0] != "completed" for events in heard.values()):
            event = json.loads(client.recv(timeout=20))
            heard[event.pop("id")].append((event.pop("type"), event))
    varying = {"run_id", "duration_ms", "phases", "queued_ms"}
    for events in heard.values():
        assert [
            (name, {key: value for key, value in about.items() if key not in varying}) for name, about in events
        ] == [(name, {key: value for key, value in about.items() if key not in varying}) for name, about in told]


def test_together_they_run_together_and_wait_in_turn(start: Callable[..., Target]) -> None:
    """Ten by five workers take about as long as two, not as one or ten; the last five say how long they waited."""
    target = start("--agent-workers", "5", "--agents", "phase 0; first 200ms; token 0; tokens 2")
    began = time.monotonic()
    results = [reply.json() for reply in together(target, [{**ASKED, "complexity": "simple"}] * 10)]
    took = time.monotonic() - began
    assert took >= 0.39
    assert sum(result["duration_ms"] for result in results) / 1e3 > 1.5 * took
    waited = sorted(result["queued_ms"] for result in results)
    assert waited[:5] == [0.0] * 5
    assert waited[-1] > 0
    assert target.agents()["completed"] == 10


def test_metrics_and_log_are_true_for_phases(start: Callable[..., Target], tmp_path: Path) -> None:
    """Two that complete, one the provider fails, one that runs into its limit: in each count once."""
    log = tmp_path / "log"
    target = start("--log", str(log), "--agents", f"{FAST}; provider every 3; hang every 4; limit 1s")
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    for _ in range(4):
        target.http.post(
            "/api/agent/execute", json={**ASKED, "stream": True}, headers={"traceparent": parent}, timeout=20
        )
    page = target.http.get("/metrics").text.splitlines()
    samples = {name: float(value) for name, _, value in (line.rpartition(" ") for line in page if line[0] != "#")}
    assert samples['netra_agent_executions_total{agent="TriageSubAgent"}'] == 4
    for ended, count in {"success": 2, "failure": 1, "timeout": 1, "cancelled": 0}.items():
        assert samples[f'netra_agent_completions_total{{status="{ended}"}}'] == count
    assert samples["netra_agent_failures_total"] == samples["netra_agent_timeouts_total"] == 1
    assert samples['netra_agent_execution_duration_seconds_count{agent="TriageSubAgent"}'] == 4
    for phase, count in zip(PHASES, (4, 4, 4, 2), strict=True):
        assert samples[f'netra_agent_phase_duration_seconds_count{{phase="{phase}"}}'] == count
    assert samples['netra_llm_requests_total{status="success"}'] == 2
    assert samples['netra_llm_requests_total{status="failure"}'] == 2
    assert samples["netra_llm_tokens_total"] == 2 * 8 + 4
    assert samples["netra_llm_first_token_seconds_count"] == 3
    assert samples["netra_agent_executions_running"] == samples["netra_agent_queue_length"] == 0
    target.process.terminate()
    target.process.communicate(timeout=10)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    ends = [event for event in events if event["component"] == "agent_service"]
    assert {event["trace_id"] for event in ends} == {"a" * 32}
    assert Counter(event["message"] for event in ends) == {
        "agent execution completed": 2,
        "agent execution failed": 1,
        "agent execution timed out": 1,
    }
    assert all(list(event["metadata"]["phases_ms"])[:3] == PHASES[:3] for event in ends)
