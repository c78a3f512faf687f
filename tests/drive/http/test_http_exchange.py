"""Requests and answers over real sockets: what is sent, how answers are framed, when a connection is used again."""

import asyncio

import pytest
from http_scripted import MS, OK, Peer, Run, S, answering, driving, get, outcome_of, scenario, serving

from loadtests.plan.model import Threshold
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
