"""The agent driver against services that do exactly what a script says: what is measured, counted, refused, cut."""

import asyncio
import json
from typing import Any

import pytest
from agent_bench import (
    DONE,
    END,
    STREAM_HEAD,
    asked,
    asking,
    chunk,
    completed,
    delta,
    document,
    event,
    number,
    outcome,
    streaming,
    talk,
    token,
)
from http_scripted import Peer, Run, answering

from loadtests.plan.protocol.agent import Expected
from loadtests.plan.protocol.http import Check
from loadtests.plan.thresholds import parse_threshold
from loadtests.result.window import CHECKED, GOOD, IDENTIFIED, MIXED_UP, REFUSED, RIGHT

STARTED = event("started", {"run_id": "r1", "user_id": "7", "queued_ms": 250})
GOOD_STREAM = (STARTED, token(), token(), completed())


def test_a_stream_is_timed_and_counted(run_on_both: Run) -> None:
    """First event, first token, gaps, phases, queue, tools: each where the stream says so; keep-alive is used.

    What lies between two events may seem shorter than it was, when a busy machine reads the first of them late.
    """

    async def test() -> None:
        phases = (
            event("phase", {"name": "triage", "state": "began"}),
            0.05,
            event("phase", {"name": "triage", "state": "ended"}),
        )
        script = streaming(STARTED, *phases, event("tool", {"name": "sql"}), token(), 0.03, token(), completed())
        found, server = await outcome(script, talk(), times=1)
        tally = found.tallies["ask"]
        assert (tally.count("ok"), tally.count(GOOD), server.connections) == (1, 1, 1)
        assert [number(found, name) for name in ("tokens", "turns", "tool calls")] == [2, 1, 1]
        assert number(found, "parallel") == 1
        assert 20_000 <= tally.histogram("phase triage").max_us < 1_000_000
        assert 250_000 <= tally.histogram("queued").max_us <= 251_000
        assert tally.histogram("first event").max_us < tally.histogram("ttft").max_us
        assert tally.histogram("ttft").max_us > 45_000
        assert tally.histogram("token gap").total == 1
        assert tally.histogram("token gap").max_us >= 10_000

    run_on_both(test)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_pieces_of_any_size_make_the_same_answer(run: Run, size: int) -> None:
    """The stream may be cut anywhere: in a chunk's length, in a line end, in a character."""
    whole = STREAM_HEAD + STARTED + token("é€😀") + chunk(b": still here\n\n") + token() + completed()

    async def script(peer: Peer) -> None:
        while await peer.request() is not None:
            for at in range(0, len(whole), size * 20):
                for piece in range(at, min(at + size * 20, len(whole)), size):
                    peer.send(whole[piece : min(piece + size, at + size * 20)])
                await asyncio.sleep(0)

    async def test() -> None:
        found, _ = await outcome(script, talk())
        assert (found.ok("ask"), number(found, "tokens")) == (1, 2)

    run(test)


def test_what_is_asked(run: Run) -> None:
    """The request has the prompt, who asks, the complexity, a thread, what the plan adds; a stream is asked for."""

    async def test() -> None:
        operation = asking(complexity="complex", thread="t-{{user}}", body={"depth": 3, "for": "{{execution}}"})
        _, server = await outcome(streaming(*GOOD_STREAM), talk("stream", operation, bearer="k", headers={"x-a": "b"}))
        (seen,) = server.seen
        assert asked(seen) == {
            "query": "reduce cost",
            "user_id": "7",
            "thread_id": "t-7",
            "complexity": "complex",
            "stream": True,
            "depth": 3,
            "for": "0",
        }
        assert (seen.method, seen.target) == ("POST", "/api/agent/execute")
        assert (seen.headers["authorization"], seen.headers["x-a"]) == ("Bearer k", "b")
        assert seen.headers["accept"] == "text/event-stream"

    run(test)


def test_an_answer_that_comes_at_once(run: Run) -> None:
    """Its phases are those that it tells; there are no tokens to speak of, and nothing is asked to stream."""

    async def test() -> None:
        body = {"status": "completed", "user_id": 7, "phases": {"triage": 0.2, "report": 1}}
        script = answering(document("200 OK", body))
        plan = talk("answer", asking(check=Check(json={"status": "completed"})))
        found, server = await outcome(script, plan)
        tally = found.tallies["ask"]
        assert (tally.count("ok"), tally.count(IDENTIFIED), tally.count(MIXED_UP)) == (1, 1, 0)
        assert 200_000 <= tally.histogram("phase triage").max_us <= 201_000
        assert not tally.histogram("tokens").total
        assert "stream" not in asked(server.seen[0])

    run(test)


def test_a_chat_completions_stream(run: Run) -> None:
    """Only chunks with content are tokens: neither the role nor the usage is one; a tool call counts once."""
    call = {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "sql"}}]}}]}
    more = {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}}]}
    calls = [chunk(b"data: " + json.dumps(one).encode() + b"\n\n") for one in (call, more)]
    usage = chunk(b'data: {"choices": [], "usage": {"completion_tokens": 2}}\n\n')

    async def test() -> None:
        script = streaming(delta(None), *calls, delta("4"), delta(""), 0.02, delta("2", user_id="7"), usage, DONE)
        plan = talk("openai", asking(system="be brief", expected=Expected("42")), model="m")
        found, server = await outcome(script, plan)
        tally = found.tallies["ask"]
        assert [number(found, name) for name in ("tokens", "tool calls")] == [2, 1]
        assert [tally.count(name) for name in ("ok", CHECKED, RIGHT, IDENTIFIED, MIXED_UP)] == [1, 1, 1, 1, 0]
        assert asked(server.seen[0]) == {
            "model": "m",
            "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "reduce cost"}],
            "stream": True,
            "user": "7",
        }

    run(test)


@pytest.mark.parametrize("api", ["stream", "openai"])
def test_a_conversation_goes_on_after_each_answer(run: Run, api: Any) -> None:
    """One execution, two requests: of one thread, or with what was said before; each turn has a TTFT of its own."""
    answers = {"stream": GOOD_STREAM, "openai": (delta('say "hi"'), DONE)}

    async def test() -> None:
        plan = talk(api, asking(prompts=("first", "then {{user}}")))
        found, server = await outcome(streaming(*answers[api]), plan)
        first, second = map(asked, (seen for seen in server.seen))
        assert (found.ok("ask"), number(found, "turns")) == (1, 2)
        assert found.tallies["ask"].histogram("ttft").total == 2
        if api == "stream":
            assert first["thread_id"] == second["thread_id"]
            assert (first["query"], second["query"]) == ("first", "then 7")
        else:
            said = [(one["role"], one["content"]) for one in second["messages"]]
            assert said == [("user", "first"), ("assistant", 'say "hi"'), ("user", "then 7")]

    run(test)


@pytest.mark.parametrize(
    ("sentence", "script", "kind", "reason", "partial"),
    [
        ("reset in the middle", streaming(STARTED, token(), token(), ends="reset"), "cut", "2 tokens had come: ", 2),
        ("closed in the middle", streaming(STARTED, token(), ends="close"), "cut", "1 tokens had come: ", 1),
        ("ended without the last event", streaming(token(), END), "cut", "ended without completed", 1),
        ("data that is no JSON", streaming(token(), chunk(b"event: token\ndata: {oops\n\n")), "malformed", "{oops", 1),
        ("a token that is no text", streaming(event("token", {"text": 5})), "malformed", "without text", 0),
        ("a result that is no object", streaming(event("completed", [1])), "malformed", "no JSON object", 0),
        ("a phase without a state", streaming(event("phase", {"name": "x"})), "malformed", "a phase event", 0),
        ("an error", streaming(token(), event("error", {"kind": "provider", "reason": "down"}) + END), "agent_error",
         "the service says provider: down", 1),
        ("its own time limit", streaming(event("error", {"kind": "timeout", "reason": "30 s"}) + END), "timeout",
         "the service says timeout", 0),
        ("a page", answering(document("200 OK", b"<html>", media="text/html")), "media_type", "answered text/html", 0),
        ("one answer instead of a stream", answering(document("200 OK", {"status": "completed"})), "media_type",
         "answered application/json where text/event-stream", 0),
        ("an error page", answering(document("502 Bad Gateway", {})), "status_5xx", "status 502", 0),
        ("the gateway's time limit", answering(document("504 Gateway Timeout", {})), "timeout", "status 504", 0),
        ("full", answering(document("429 Too Many Requests", {}, "Retry-After: 1")), "refused", "status 429", 0),
        ("no HTTP", answering(b"SSH-2.0-OpenSSH\r\n\r\n"), "protocol", "not an HTTP answer", 0),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)  # fmt: skip
def test_each_fault_has_its_kind(run: Run, sentence: str, script: Any, kind: str, reason: str, partial: int) -> None:
    """What had come before is counted apart, and none of it is in the figures of good answers."""

    async def test() -> None:
        found, _ = await outcome(script, talk())
        tally = found.tallies["ask"]
        assert tally.failures == {kind: 1}
        assert reason in found.sample()
        assert number(found, "partial tokens") == partial
        assert not tally.histogram("ttft").total
        assert not tally.histogram("tokens").total

    run(test)


@pytest.mark.parametrize(
    ("sentence", "script"),
    [
        ("it falls silent in the middle", streaming(STARTED, token(), 5.0)),
        ("it never ends, though it says it has", streaming(STARTED, token(), completed().removesuffix(END), 5.0)),
        ("it sends for ever", streaming(STARTED, *(piece for _ in range(200) for piece in (token(), 0.005)))),
        ("it says nothing", streaming(5.0)),
    ],
)
def test_a_stream_that_does_not_end_times_out(run: Run, sentence: str, script: Any) -> None:
    """At the execution limit, whatever comes until then."""

    async def test() -> None:
        found, _ = await outcome(script, talk(timeout=0.1))
        assert found.failures("ask") == {"timeout": 1}
        assert "not completed within 100 ms" in found.sample()
        assert found.tallies["ask"].histogram("response.failed").max_us >= 100_000

    run(test)


def test_pieces_that_were_held_are_timed_as_they_came(run: Run) -> None:
    """Looked at together, but each at its own instant; what follows them is not mistaken for one of them."""

    async def test() -> None:
        apart = [piece for _ in range(6) for piece in (token(), 0.02)]
        plan = talk("stream", asking(user=None))
        found, _ = await outcome(streaming(*apart, event("tool", {"name": "x"}), completed()), plan, times=2)
        gaps = found.tallies["ask"].histogram("token gap")
        assert (gaps.total, found.ok("ask"), number(found, "tokens")) == (10, 2, 6)
        assert gaps.quantile_us(0.1) >= 15_000

    run(test)


def test_pieces_that_were_held_behind_another_event_keep_their_own_times(run: Run) -> None:
    """Those before it are taken together, it and those after it one by one: no time is another's, no byte is lost."""

    async def test() -> None:
        apart = [piece for _ in range(3) for piece in (token(), 0.02)]
        pieces = (*apart, event("tool", {"name": "x"}), 0.02, *apart, completed())
        found, _ = await outcome(streaming(*pieces), talk("stream", asking(user=None)), times=2)
        gaps = found.tallies["ask"].histogram("token gap")
        assert (gaps.total, found.ok("ask"), number(found, "tokens"), number(found, "tool calls")) == (10, 2, 6, 1)
        assert gaps.min_us >= 15_000
        assert gaps.max_us >= 35_000, "the tool came between the third token and the fourth"
        sent = [STREAM_HEAD, *(piece for piece in pieces if isinstance(piece, bytes))]
        assert found.generator.count("bytes_received") == 2 * len(b"".join(sent))

    run(test)


@pytest.mark.parametrize(
    ("sentence", "ends", "kind", "partial"),
    [
        ("silence after a malformed one", (chunk(b"event: token\ndata: {oops\n\n"), token(), 5.0), "malformed", 5),
        ("silence", (5.0,), "timeout", 5),
        ("a cut", (), "cut", 5),
        ("40 more of them", (*[token()] * 40, 5.0), "timeout", 45),
    ],
)
def test_pieces_that_were_held_count_whatever_follows(
    run: Run, sentence: str, ends: tuple[Any, ...], kind: str, partial: int
) -> None:
    """Also where nothing comes any more."""

    async def test() -> None:
        apart = [piece for _ in range(5) for piece in (token(), 0.01)]
        found, _ = await outcome(streaming(*apart, *ends, ends="reset"), talk("stream", asking(user=None), timeout=0.3))
        assert found.failures("ask") == {kind: 1}
        assert number(found, "partial tokens") == partial

    run(test)


def test_the_limit_is_that_of_the_whole_conversation(run: Run) -> None:
    """Two turns that each keep within it do not, together."""

    async def test() -> None:
        script = streaming(0.12, *GOOD_STREAM)
        found, server = await outcome(script, talk("stream", asking(prompts=("one", "two")), timeout=0.2))
        assert (found.failures("ask"), len(server.seen)) == ({"timeout": 1}, 2)
        assert "turn 2, 2 tokens" in found.sample()

    run(test)


def test_a_refusal_is_asked_again_after_what_it_says(run: Run) -> None:
    """With retries the wait is in the response time; one execution was refused, however often."""

    async def script(peer: Peer) -> None:
        for turn in range(3):
            await peer.request()
            peer.send(
                document("503 Busy", {}, f"Retry-After: {turn}") if turn < 2 else STREAM_HEAD + b"".join(GOOD_STREAM)
            )

    async def test() -> None:
        found, server = await outcome(script, talk(retries=2))
        tally = found.tallies["ask"]
        assert (tally.count("ok"), tally.count(REFUSED), len(server.seen)) == (1, 1, 3)
        assert tally.histogram("response.ok").max_us >= 1_000_000

    run(test)


@pytest.mark.parametrize(
    ("sentence", "after", "retries", "reason"),
    [
        ("as often as the plan says and no more", "0", 2, "status 429"),
        ("not when it would be too late", "3600", 2, "come back in 1 h, which is beyond the limit"),
    ],
)
def test_a_refusal_is_final_some_time(run: Run, sentence: str, after: str, retries: int, reason: str) -> None:
    """The execution has failed as refused, and is counted as a refusal."""

    async def test() -> None:
        script = answering(document("429 Too Many Requests", {}, f"Retry-After: {after}"))
        found, server = await outcome(script, talk(retries=retries))
        assert found.failures("ask") == {"refused": 1}
        assert found.tallies["ask"].count(REFUSED) == 1
        assert len(server.seen) == (3 if after == "0" else 1)
        assert reason in found.sample()

    run(test)


def test_gaps_between_all_events_where_they_are_asked_for(run: Run) -> None:
    """Only a threshold on them makes them worth recording."""

    async def test() -> None:
        script = streaming(STARTED, 0.02, token(), completed())
        found, _ = await outcome(script, talk(thresholds=(parse_threshold("event gap p99 < 1s"),)))
        assert found.tallies["ask"].histogram("event gap").total == 2
        found, _ = await outcome(script, talk())
        assert not found.tallies["ask"].histogram("event gap").total

    run(test)


def test_what_still_runs_at_the_end_is_cut_off(run: Run) -> None:
    """Neither good nor failed, on a connection or waiting to ask again."""

    async def test() -> None:
        found, _ = await outcome(streaming(token(), 5.0), talk(), cut_off=True)
        assert found.tallies["ask"].count("cut_off") == 1
        script = answering(document("429 Too Many Requests", {}, "Retry-After: 2"))
        found, _ = await outcome(script, talk(retries=1), cut_off=True)
        assert found.tallies["ask"].count("cut_off") == 1

    run(test)


def test_phases_without_end_do_not_fill_the_books(run: Run) -> None:
    """A service that names a thousand phases gets 32 histograms."""
    many = [event("phase", {"name": f"p{at}", "state": state}) for at in range(1000) for state in ("began", "ended")]

    async def test() -> None:
        found, _ = await outcome(streaming(*many, token(), completed()), talk())
        assert sum(name.startswith("phase ") for name in found.tallies["ask"].histograms) == 32

    run(test)
