"""Requests and answers over real sockets: what is sent, how answers are framed, when a connection is used again."""

import asyncio
import gzip
import zlib

import pytest
from http_scripted import MS, OK, Peer, Run, S, Seen, answer, answering, driving, get, outcome_of, scenario, serving

from loadtests import __version__
from loadtests.plan.model import Feeder, Target, Threshold
from loadtests.plan.protocol.http import Body, Check, HttpSettings

SPLIT = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\nX: y\r\n\r\nhello world"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"


@pytest.mark.parametrize("answer", [pytest.param(SPLIT, id="known length"), pytest.param(CHUNKED, id="chunked")])
def test_an_answer_split_at_any_byte_is_one_good_answer(run: Run, answer: bytes) -> None:
    """As TCP may deliver it: each split once, all on one connection, every one good."""
    cuts = range(1, len(answer))

    async def script(peer: Peer) -> None:
        for cut in cuts:
            if await peer.request():
                await peer.dribble(answer[:cut], answer[cut:])

    async def test() -> None:
        check = Check(status=(200,), contains=("hello world",))
        outcome, server = await outcome_of(script, get(check=check), times=len(cuts))
        assert (outcome.ok(), outcome.failures(), server.connections) == (len(cuts), {}, 1)

    run(test)


KEPT = [
    pytest.param("GET", OK, id="a body of known length"),
    pytest.param("GET", CHUNKED, id="a chunked body"),
    pytest.param("GET", b"HTTP/1.1 204 No Content\r\n\r\n", id="204"),
    pytest.param("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", id="304 with a length"),
    pytest.param("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", id="HEAD with a length"),
    pytest.param("HEAD", b"HTTP/1.1 200 OK\r\n\r\n", id="HEAD without a length"),
    pytest.param("GET", b"HTTP/1.1 100 Continue\r\n\r\n" + OK, id="an interim answer before"),
    pytest.param("GET", b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", id="HTTP/1.0 kept"),
]


@pytest.mark.parametrize(("method", "answer"), KEPT)
def test_the_connection_is_used_again(run_on_both: Run, method: str, answer: bytes) -> None:
    """Three executions, one connection, all good."""

    async def test() -> None:
        outcome, server = await outcome_of(answering(answer), get(method=method), times=3)
        assert (outcome.ok(), outcome.failures(), server.connections) == (3, {}, 1)

    run_on_both(test)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", id="Connection: close"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", id="HTTP/1.0"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nok", id="a body that ends with the connection"),
        pytest.param(OK + b"HTTP/1.1 200 OK\r\n", id="surplus bytes"),
    ],
)
def test_the_connection_is_not_used_again(run_on_both: Run, answer: bytes) -> None:
    """Three executions, three connections, all good."""

    async def script(peer: Peer) -> None:
        if await peer.request():
            await peer.dribble(answer)
            peer.close()

    async def test() -> None:
        outcome, server = await outcome_of(script, get(check=Check(contains=("ok",))), times=3)
        assert (outcome.ok(), outcome.failures(), server.connections) == (3, {}, 3)

    run_on_both(test)


def test_a_server_that_keeps_a_connection_it_was_asked_to_close_is_not_asked_again(run: Run) -> None:
    """`keep_alive: false` means a new connection per request, whatever the server does; known heads change nothing."""

    async def test() -> None:
        outcome, server = await outcome_of(answering(OK), times=5, http=HttpSettings(keep_alive=False))
        assert (outcome.ok(), server.connections) == (5, 5)

    run(test)


def test_never_two_exchanges_on_one_connection(run_on_both: Run) -> None:
    """Fifty executions at once on a server that answers in its own time: no request follows an unanswered one."""
    busy: set[int] = set()
    overlaps: list[int] = []

    async def script(peer: Peer) -> None:
        while seen := await peer.request():
            if seen.connection in busy or peer.reader._buffer:  # type: ignore[attr-defined]
                overlaps.append(seen.connection)
            busy.add(seen.connection)
            await asyncio.sleep(0.001 * (len(peer.server.seen) % 7))
            busy.discard(seen.connection)
            peer.send(OK)

    async def test() -> None:
        async with serving(script) as server, driving(scenario(), server.url) as bench:
            for _ in range(4):
                for _ in range(50):
                    bench.fire()
                await bench.done()
        assert (bench.outcome().ok(), overlaps) == (200, [])
        assert 1 < server.connections <= 50

    run_on_both(test)


def test_the_connection_used_last_is_used_first(run: Run) -> None:
    """One execution at a time needs one connection, however many are idle."""

    async def test() -> None:
        async with serving(answering(OK)) as server, driving(scenario(), server.url) as bench:
            for _ in range(5):
                bench.fire()
            await bench.done()
            for _ in range(6):
                await bench.one()
        assert len({seen.connection for seen in server.seen[-6:]}) == 1

    run(test)


def test_a_connection_that_the_server_closed_while_idle_is_not_written_to(run_on_both: Run) -> None:
    """The server closes after each answer without saying so: no reset is recorded, a new connection is opened."""

    async def script(peer: Peer) -> None:
        if await peer.request():
            peer.send(OK)
            await peer.writer.drain()
            peer.close()

    async def test() -> None:
        async with serving(script) as server, driving(scenario(), server.url) as bench:
            for _ in range(3):
                await bench.one()
                await asyncio.sleep(0.01)
        assert (bench.outcome().ok(), bench.outcome().failures()) == (3, {})
        assert server.connections == 3

    run_on_both(test)


def test_a_close_that_lies_unread_is_seen_before_writing(run: Run) -> None:
    """The loop was busy while the server closed: a connection idle for long is looked at before it is used."""

    async def script(peer: Peer) -> None:
        if await peer.request():
            peer.send(OK)
            await asyncio.sleep(0.01)
            peer.close()

    async def test() -> None:
        async with serving(script) as server, driving(scenario(), server.url) as bench:
            await bench.one()
            connection = next(iter((await _pool(bench)).idle))
            connection.transport.pause_reading()  # the news cannot reach the protocol
            connection.sent_ns -= S
            await asyncio.sleep(0.03)
            await bench.one()
        assert (bench.outcome().ok(), server.connections) == (2, 2)

    run(test)


def test_bytes_nobody_asked_for_end_an_idle_connection(run_on_both: Run) -> None:
    """A late second answer must not become the next request's."""

    async def script(peer: Peer) -> None:
        while await peer.request():
            peer.send(OK)
            await asyncio.sleep(0.01)
            peer.send(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")

    async def test() -> None:
        async with serving(script) as server, driving(scenario(), server.url) as bench:
            for _ in range(3):
                await bench.one()
                await asyncio.sleep(0.15)  # long enough on a busy machine too
        assert (bench.outcome().ok(), server.connections) == (3, 3)

    run_on_both(test)


def test_an_answer_before_the_request_is_sent_whole_counts_and_ends_the_connection(run_on_both: Run) -> None:
    """413 to a body that is still on its way: the answer stands, and the rest of the body is not sent later."""
    large = get("/upload", method="POST", body=Body("file", b"x" * 20_000_000), check=Check(status=(413,)))

    async def script(peer: Peer) -> None:
        peer.writer.transport.pause_reading()
        peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        peer.server.connections += 1
        await asyncio.sleep(1)

    async def test() -> None:
        plan = scenario(large, timeout_ns=900 * MS)
        async with serving(script) as server, driving(plan, server.url) as bench:
            for _ in range(2):
                await bench.one()
        assert (bench.outcome().ok(), bench.outcome().failures()) == (2, {})

    run_on_both(test)


@pytest.mark.parametrize(
    ("request_parts", "line", "headers", "body"),
    [
        pytest.param(
            {"path": "/a?b=c"},
            ("GET", "/a?b=c"),
            {"user-agent": f"loadtests/{__version__}", "accept": "*/*"},
            b"",
            id="a plain GET",
        ),
        pytest.param(
            {"method": "POST", "path": "/", "body": Body("json", {"q": "für {{user}}", "n": [1, True]})},
            ("POST", "/"),
            {"content-type": "application/json", "content-length": "35"},
            '{"q":"für a \\"b\\"/c","n":[1,true]}'.encode(),
            id="a JSON body with a variable that needs escaping",
        ),
        pytest.param(
            {"method": "POST", "path": "/", "body": Body("form", {"a b": "{{user}}", "c": "&"})},
            ("POST", "/"),
            {"content-type": "application/x-www-form-urlencoded"},
            b"a+b=a+%22b%22%2Fc&c=%26",
            id="a form",
        ),
        pytest.param(
            {"method": "PUT", "path": "/", "body": Body("raw", "hi {{user}}"), "headers": {"Content-Type": "x/y"}},
            ("PUT", "/"),
            {"content-type": "x/y", "content-length": "10"},
            b'hi a "b"/c',
            id="a raw body with a type of its own",
        ),
        pytest.param(
            {"method": "POST", "path": "/", "body": Body("file", b"\x00{{user}}")},
            ("POST", "/"),
            {"content-type": "application/octet-stream", "content-length": "9"},
            b"\x00{{user}}",
            id="a file is sent as it is",
        ),
        pytest.param(
            {"method": "POST", "path": "/"}, ("POST", "/"), {"content-length": "0"}, b"", id="a POST without a body"
        ),
        pytest.param(
            {"path": "/u/{{user}}?x={{user}}", "headers": {"X-User": "{{user}}", "Host": "other"}},
            ("GET", "/u/a%20%22b%22%2Fc?x=a%20%22b%22%2Fc"),
            {"x-user": 'a "b"/c', "host": "other"},
            b"",
            id="variables in path and headers, and a Host of its own",
        ),
        pytest.param(
            {"path": "/", "auth": ("basic", "me:pä{{user}}")},
            ("GET", "/"),
            {"authorization": "Basic bWU6cMOkYSAiYiIvYw=="},
            b"",
            id="basic auth",
        ),
        pytest.param(
            {"path": "/", "auth": ("bearer", "t-{{user}}")},
            ("GET", "/"),
            {"authorization": 'Bearer t-a "b"/c'},
            b"",
            id="bearer auth",
        ),
        pytest.param(
            {"path": "/", "headers": {"X": "{{evil}}"}},
            ("GET", "/"),
            {"x": "a  Y: b"},
            b"",
            id="a variable cannot add a header",
        ),
    ],
)
def test_what_is_sent(
    run: Run, request_parts: dict[str, object], line: tuple[str, str], headers: dict[str, str], body: bytes
) -> None:
    """Variables are escaped for the place where they stand."""
    data = {"user": Feeder(('a "b"/c',)), "evil": Feeder(("a\r\nY: b",))}

    async def test() -> None:
        outcome, server = await outcome_of(answering(OK), get(**request_parts), data=data)
        seen = server.seen[0]
        assert outcome.ok() == 1
        assert (seen.method, seen.target, seen.body) == (*line, body)
        assert seen.headers.items() >= headers.items()
        assert "y" not in seen.headers
        if "host" not in headers:
            assert seen.headers["host"] == f"127.0.0.1:{server.port}"

    run(test)


def test_feeders_are_functions_of_the_index(run: Run) -> None:
    """The execution with index 7 gets the seventh value, whenever it is fired."""

    async def test() -> None:
        async with serving(answering(OK)) as server:
            plan = scenario(get("/u/{{user}}"), data={"user": Feeder(range(100, 200))})
            async with driving(plan, server.url) as bench:
                for index in (7, 3, 103):
                    await bench.one(index=index)
        assert [seen.target for seen in server.seen] == ["/u/107", "/u/103", "/u/103"]

    run(test)


def test_the_target_may_have_a_path_and_an_operation_another_origin(run: Run) -> None:
    """Paths are below the target's; absolute URLs go where they say, on connections of their own."""

    async def test() -> None:
        async with serving(answering(OK)) as one, serving(answering(OK)) as two:
            plan = scenario(get("/x"), get(f"{two.url}/y?z"))
            async with driving(plan, f"{one.url}/base") as bench:
                await bench.one(0)
                await bench.one(1)
        assert [seen.target for seen in one.seen] == ["/base/x"]
        assert [(seen.target, seen.headers["host"]) for seen in two.seen] == [("/y?z", f"127.0.0.1:{two.port}")]

    run(test)


def test_a_host_from_a_variable(run: Run) -> None:
    """The origin is only known per execution: it is resolved, permitted and pooled then."""

    async def test() -> None:
        async with serving(answering(OK)) as server:
            data = {"host": Feeder(("127.0.0.1", "localhost", "0.0.0.0"))}
            plan = scenario(get(f"http://{{{{host}}}}:{server.port}/x"), data=data)
            async with driving(plan, Target()) as bench:
                for _ in range(3):
                    await bench.one()
        outcome = bench.outcome()
        assert (outcome.ok(), outcome.failures()) == (2, {"connect": 1})
        assert "not allowed" in outcome.sample()
        assert [seen.headers["host"].split(":")[0] for seen in server.seen] == ["127.0.0.1", "localhost"]

    run(test)


def test_ipv6(run_on_both: Run) -> None:
    """`http://[::1]:port`: brackets in the URL and in Host, none in the address."""

    async def test() -> None:
        async with serving(answering(OK), host="::1") as server, driving(scenario(), server.url) as bench:
            await bench.one()
            await bench.one()
        assert bench.outcome().ok() == 2
        assert server.seen[0].headers["host"] == f"[::1]:{server.port}"

    run_on_both(test)


def test_localhost_is_reached_on_whichever_address_answers(run: Run) -> None:
    """The name may resolve to ::1 first while the server listens on 127.0.0.1 only."""

    async def test() -> None:
        async with (
            serving(answering(OK)) as server,
            driving(scenario(), f"http://localhost:{server.port}") as bench,
        ):
            await bench.one()
        assert bench.outcome().ok() == 1

    run(test)


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


@pytest.mark.parametrize("checked", [False, True])
def test_first_byte_is_recorded_where_a_threshold_asks_for_it(run_on_both: Run, checked: bool) -> None:
    """From the intended start to the first byte; once per answer, read or known; otherwise not at all."""

    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.dribble(OK[:10])
            await asyncio.sleep(0.03)
            peer.send(OK[10:])
            if await peer.request():
                peer.send(OK)

    threshold = Threshold("first byte p95 < 1s", "first byte", "<", 1e9, "ns", 0.95)

    async def test() -> None:
        thresholds = (threshold,) if checked else ()
        outcome, _ = await outcome_of(script, times=4, thresholds=thresholds)
        tally = outcome.tallies["op"]
        assert outcome.ok() == 4
        assert tally.histogram("first byte").total == (4 if checked else 0)
        if checked:
            assert tally.histogram("first byte").max_us < 25_000
        assert tally.histogram("response.ok").max_us >= 30_000

    run_on_both(test)


def test_connects_and_received_bytes_are_measured(run: Run) -> None:
    """One connect for five answers; every byte counted in the generator's tally."""

    async def test() -> None:
        outcome, _ = await outcome_of(answering(OK), times=5)
        assert outcome.tallies["op"].histogram("connect").total == 1
        assert outcome.generator.count("bytes_received") == 5 * len(OK)

    run(test)


def test_finished_brings_the_user_back_once(run: Run) -> None:
    """What `fire` was given comes back through `finished`, and the next execution may start within it."""

    async def test() -> None:
        async with serving(answering(OK)) as server, driving(scenario(closed=True), server.url) as bench:
            left = [5]

            def again(user: int) -> None:
                bench._finished(user)
                if left[0]:
                    left[0] -= 1
                    bench.fire(user=user + 1)

            bench.driver.finished = again
            bench.fire(user=3)
            await bench.done(6)
        assert bench.finished == [3, 4, 5, 6, 7, 8]
        assert server.connections == 1

    run(test)


async def _pool(bench: object) -> object:
    network = bench.driver.network  # type: ignore[attr-defined]
    return await network.pool(next(iter(network._pools)))
