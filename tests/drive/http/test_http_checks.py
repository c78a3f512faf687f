"""What makes an answer good or bad: its body as it means, its head, also one that is known."""

import gzip
import zlib

import pytest
from http_scripted import OK, Peer, Run, Seen, answer, answering, driving, get, outcome_of, scenario, serving

from loadtests.plan.model import Feeder
from loadtests.plan.protocol.http import Check


def _coded(name: str, body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (name.encode(), len(body)) + body


RAW = zlib.compressobj(wbits=-15)


JSON = b'{"status": "completed", "items": [{"id": 7}], "open": true, "name": "u7"}'


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(_coded("gzip", gzip.compress(JSON)), None, id="gzip"),
        pytest.param(_coded("gzip", gzip.compress(JSON[:9]) + gzip.compress(JSON[9:])), None, id="two gzip members"),
        pytest.param(_coded("deflate", zlib.compress(JSON)), None, id="deflate with its zlib header"),
        pytest.param(_coded("deflate", RAW.compress(JSON) + RAW.flush()), None, id="raw deflate"),
        pytest.param(_coded("gzip, identity", gzip.compress(JSON)), None, id="a list of codings"),
        pytest.param(_coded("br", JSON), "br is not known", id="a coding that is not known"),
        pytest.param(_coded("gzip", JSON), "broken", id="no gzip at all"),
        pytest.param(_coded("gzip", gzip.compress(JSON)[:-9]), "cut short", id="gzip cut short"),
        pytest.param(_coded("gzip", gzip.compress(b" " * (70 << 20))), "more than 64 MiB", id="a bomb"),
    ],
)
def test_compressed_bodies_are_checked_as_what_they_mean(run: Run, answer: bytes, why: str | None) -> None:
    """What cannot be decompressed, or would fill the memory, is a failed check with its reason."""

    async def test() -> None:
        check = Check(json={"items.0.id": 7}, contains=("completed",))
        outcome, _ = await outcome_of(answering(answer), get(check=check))
        assert outcome.failures() == ({} if why is None else {"check": 1})
        if why is not None:
            assert why in outcome.sample()

    run(test)


@pytest.mark.parametrize(
    ("check", "why"),
    [
        pytest.param(Check(json={"status": "completed"}), None, id="a value"),
        pytest.param(Check(json={"$.items[0].id": 7}), None, id="a path with brackets"),
        pytest.param(Check(json={"items": [{"id": 7}]}), None, id="a whole structure"),
        pytest.param(Check(json={"name": "{{user}}"}), None, id="a variable"),
        pytest.param(Check(json={"items.0.id": "{{number}}"}), None, id="a variable against a number"),
        pytest.param(Check(contains=("u7", '"{{user}}"')), None, id="text with a variable"),
        pytest.param(Check(headers={"content-type": "text/plain"}), None, id="a header without its parameters"),
        pytest.param(Check(headers={"Content-Type": "text/plain; charset=utf-8"}), None, id="a whole header"),
        pytest.param(Check(max_bytes=len(JSON)), None, id="just small enough"),
        pytest.param(Check(max_bytes=len(JSON) - 1), "larger than", id="one byte too large"),
        pytest.param(Check(json={"status": "open"}), 'json status is "completed", expected "open"', id="another value"),
        pytest.param(Check(json={"open": 1}), "json open is true, expected 1", id="true is not 1"),
        pytest.param(Check(json={"items.1.id": 7}), "items.1.id is missing", id="no such path"),
        pytest.param(Check(json={"status.x": 7}), "status.x is missing", id="a path through a text"),
        pytest.param(Check(contains=("nope",)), "does not contain nope", id="text that is not there"),
        pytest.param(Check(headers={"etag": "x"}), "header etag is missing", id="no such header"),
        pytest.param(Check(headers={"content-type": "text/html"}), "expected text/html", id="another header"),
    ],
)
def test_checks(run: Run, check: Check, why: str | None) -> None:
    """Status, headers, size, text and JSON; the sample says what was expected and what came."""
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n" % len(JSON) + JSON
    )

    async def test() -> None:
        data = {"user": Feeder(("u7",)), "number": Feeder((7,))}
        outcome, _ = await outcome_of(answering(answer), get(check=check), times=2, data=data)
        assert outcome.failures() == ({} if why is None else {"check": 2})
        if why is not None:
            assert why in outcome.samples[0].message

    run(test)


def test_a_known_head_does_not_make_a_bad_answer_good(run: Run) -> None:
    """Heads are remembered: the same head with another length, or another status, is still looked at."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    bad = b"HTTP/1.1 500 OK\r\nContent-Length: 2\r\n\r\nok"

    async def script(peer: Peer) -> None:
        for raw in (OK, OK, bad, OK):
            await peer.request()
            peer.send(raw)
        await peer.request()
        await peer.dribble(head, b"ok")
        await peer.request()
        peer.send(head + b"okHTTP/1.1 ")
        await peer.request()

    async def test() -> None:
        outcome, server = await outcome_of(script, times=6)
        assert (outcome.ok(), outcome.failures(), server.connections) == (5, {"status_5xx": 1}, 1)

    run(test)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        pytest.param(Check(contains=("right",)), b'{"v":"right"}', b'{"v":"wrong"}', id="text in the body"),
        pytest.param(Check(contains=("200 OK",)), b"[200 OK]", b"[200 KO]", id="a text that the head has as well"),
        pytest.param(Check(contains=("[", "ok")), b"[ok]", b"[no]", id="two texts, one of them missing"),
        pytest.param(Check(contains=("u{{user}}",)), b"[u7]", b"[u8]", id="text with a variable"),
        pytest.param(Check(json={"v": "right"}), b'{"v":"right"}', b'{"v":"wrong"}', id="a JSON value"),
        pytest.param(Check(json={"v": "{{user}}"}), b'{"v":"7"}', b'{"v":"8"}', id="a JSON value with a variable"),
        pytest.param(Check(json={"v": 1}), b'{"v":1}', b'{"v":1)', id="a body that is no JSON"),
    ],
)
def test_the_body_behind_a_known_head_is_still_checked(run: Run, check: Check, good: bytes, bad: bytes) -> None:
    """Same head, same length, wrong body: one failure of kind check, on a connection that goes on."""

    async def test() -> None:
        script = answering(*(answer("200 OK", body) for body in (good, good, bad, good)))
        feeders = {"user": Feeder(("7",))}
        outcome, server = await outcome_of(script, get(check=check), times=4, data=feeders)
        assert (outcome.ok(), outcome.failures(), server.connections) == (3, {"check": 1}, 1)
        assert "200 OK" in outcome.sample()

    run(test)


@pytest.mark.parametrize(
    ("check", "body"),
    [
        pytest.param(Check(contains=("u{{user}}",)), b"[u7]", id="text"),
        pytest.param(Check(contains=("u", "{{user}}")), b"[u7]", id="two texts"),
        pytest.param(Check(json={"v": "{{user}}"}), b'{"v":"7"}', id="a JSON value"),
        pytest.param(Check(headers={"content-length": "{{user}}"}), b"1234567", id="a header"),
    ],
)
def test_the_same_answer_is_good_for_one_execution_and_bad_for_the_next(run: Run, check: Check, body: bytes) -> None:
    """What is checked varies from execution to execution: equal answers are looked at all the same."""

    async def test() -> None:
        feeders = {"user": Feeder(("7", "8"))}
        outcome, _ = await outcome_of(answering(answer("200 OK", body)), get(check=check), times=10, data=feeders)
        assert (outcome.ok(), outcome.failures()) == (5, {"check": 5})

    run(test)


@pytest.mark.parametrize("check", [Check(), Check(contains=("ok",)), Check(contains=("o", "k"))])
def test_an_answer_like_the_last_one_counts_again_and_one_that_is_not_is_looked_at(run: Run, check: Check) -> None:
    """Told apart to the byte, also from a piece of an answer that is being read, whatever that piece looks like."""
    same, longer, shouted, bad = (
        answer(*said) for said in (("200 OK", b"ok"), ("200 OK", b"ok!"), ("200 OK", b"OK"), ("500 OK", b"ok"))
    )
    head_of_bad = b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n" % len(same)
    answers = [same, same, same, longer, same, shouted, same, bad, same]

    async def script(peer: Peer) -> None:
        for raw in answers:
            await peer.request()
            peer.send(raw)
        await peer.request()
        await peer.dribble(same[:-1], same[-1:])
        await peer.request()
        await peer.dribble(head_of_bad, same)

    async def test() -> None:
        outcome, server = await outcome_of(script, get(check=check), times=11)
        assert outcome.failures() == {"status_5xx": 2} | ({"check": 1} if check.contains else {})
        assert (outcome.ok(), server.connections) == (11 - sum(outcome.failures().values()), 1)
        assert outcome.generator.count("bytes_received") == len(b"".join([*answers, same, head_of_bad, same]))

    run(test)


def test_heads_that_never_repeat_do_not_fill_the_memory(run: Run) -> None:
    """A server with a request id in each answer: what is remembered stays small, and is given up."""

    def numbered(seen: Seen) -> bytes:
        return b"HTTP/1.1 200 OK\r\nX-Id: %s\r\nContent-Length: 0\r\n\r\n" % seen.target.encode()

    async def test() -> None:
        async with serving(answering(numbered)) as server:
            plan = scenario(get("/{{n}}"), data={"n": Feeder(range(1000))})
            async with driving(plan, server.url) as bench:
                for _ in range(300):
                    await bench.one()
                waiting = bench.driver._starts[0].__self__  # type: ignore[attr-defined]
                assert len(waiting.known) <= 64
                assert not waiting._learns
        assert bench.outcome().ok() == 300

    run(test)
