"""Everything that can go wrong is injected on a real socket and counted, exactly, under its own kind."""

import asyncio
import errno
import resource
import socket

import pytest
from http_scripted import MS, OK, Peer, Run, Script, answer, answering, driving, get, outcome_of, scenario, serving

from loadtests.errors import TargetUnreachable
from loadtests.plan.protocol.http import Check, HttpSettings


async def _reset_at_once(peer: Peer) -> None:
    if await peer.request():
        peer.reset()


async def _close_at_once(peer: Peer) -> None:
    if await peer.request():
        peer.close()


def _partial(data: bytes, *, reset: bool = False) -> Script:
    async def script(peer: Peer) -> None:
        if await peer.request():
            await peer.dribble(data)
            if reset:
                peer.reset()
            else:
                peer.close()

    return script


async def _reset_when_connected(peer: Peer) -> None:
    peer.reset()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"

FAULTS = [
    pytest.param(_reset_at_once, "reset", "before any of the answer", id="reset before the answer"),
    pytest.param(_close_at_once, "reset", "before any of the answer", id="closed before the answer"),
    pytest.param(_partial(b"HTTP/1.1 2"), "reset", "within the headers", id="closed within the status line"),
    pytest.param(_partial(HEAD[:-2]), "reset", "within the headers", id="closed within the headers"),
    pytest.param(_partial(HEAD + b"four"), "reset", "after 4 bytes", id="closed within a body of known length"),
    pytest.param(
        _partial(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n"),
        "reset",
        "after 4 bytes",
        id="closed within a chunked body",
    ),
    pytest.param(_partial(HEAD + b"four", reset=True), "reset", "after 4 bytes", id="reset within the body"),
    pytest.param(answering(b"hello there\r\n\r\n"), "protocol", "not an http answer", id="garbage"),
    pytest.param(answering(b"\x16\x03\x01\x02\x00\x01\x00\x01"), "protocol", "not an http answer", id="TLS bytes"),
    pytest.param(
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\n"), "protocol", "content-length", id="a bad length"
    ),
    pytest.param(
        answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
        "protocol",
        "chunk",
        id="a bad chunk size",
    ),
    pytest.param(
        answering(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
        "protocol",
        "101",
        id="an upgrade nobody asked for",
    ),
    pytest.param(answering(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 600_000), "protocol", "256 kib", id="endless headers"),
    pytest.param(answering(answer("500 Oops", b"boom")), "status_5xx", "status 500", id="a 500"),
    pytest.param(answering(answer("404 No")), "status_4xx", "status 404", id="a 404"),
    pytest.param(answering(answer("429 Slow")), "status_4xx", "status 429", id="a 429"),
]


@pytest.mark.parametrize(("script", "kind", "reason"), FAULTS)
def test_a_fault_has_its_kind_and_a_sample(run_on_both: Run, script: Script, kind: str, reason: str) -> None:
    """One fault injected three times is three failures of one kind, each with a sentence of what happened."""

    async def test() -> None:
        outcome, _ = await outcome_of(script, times=3)
        assert (outcome.ok(), outcome.failures()) == (0, {kind: 3})
        assert all(reason in sample.message.lower() for sample in outcome.samples), outcome.samples

    run_on_both(test)


@pytest.mark.parametrize(
    ("status", "wanted", "kind"),
    [
        pytest.param("201 Created", (200,), "check", id="a 201 where 200 was wanted is a failed check"),
        pytest.param("302 Found", (200,), "status_3xx", id="a 302 where 200 was wanted goes by its class"),
        pytest.param("200 OK", (404,), "check", id="a 200 where 404 was wanted is a failed check"),
        pytest.param("404 No", (404,), None, id="a wanted 404 is good"),
        pytest.param("302 Found", None, None, id="without a check everything below 400 is good"),
        pytest.param("503 Busy", (200, 503), None, id="any of several is good"),
    ],
)
def test_an_unwanted_status_goes_by_its_class(
    run: Run, status: str, wanted: tuple[int, ...] | None, kind: str | None
) -> None:
    """The status check decides; the kind is the class of the status, or `check` below 300."""

    async def test() -> None:
        outcome, _ = await outcome_of(answering(answer(status)), get(check=Check(status=wanted)), times=2)
        assert outcome.failures() == ({} if kind is None else {kind: 2})
        assert outcome.ok() == (2 if kind is None else 0)

    run(test)


def test_a_mix_of_faults_is_counted_exactly(run_on_both: Run) -> None:
    """Every third answer a 500, every fifth connection-closing garbage, the rest good: the counts say just that."""
    plan = ["ok", "ok", "500", "ok", "garbage", "500", "reset", "ok", "500", "garbage"]

    async def script(peer: Peer) -> None:
        while await peer.request():
            step = plan[(len(peer.server.seen) - 1) % len(plan)]
            if step == "reset":
                peer.reset()
                return
            peer.send({"ok": OK, "500": answer("500 Oops"), "garbage": b"no\r\n\r\n"}[step])

    async def test() -> None:
        outcome, server = await outcome_of(script, times=40)
        assert outcome.ok() == 16
        assert outcome.failures() == {"status_5xx": 12, "protocol": 8, "reset": 4}
        assert server.connections == 12, "a new connection after each fault of the connection, and only then"

    run_on_both(test)


def test_a_target_that_is_not_there_is_told_at_once(run_on_both: Run) -> None:
    """`open` connects once: refused means no run, with the address and a plain reason."""

    async def test() -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{free.getsockname()[1]}"
            with pytest.raises(TargetUnreachable) as caught:
                async with driving(scenario(), url):
                    pass
        assert (caught.value.address, caught.value.reason) == (url, "connection refused")

    run_on_both(test)


def test_a_name_that_does_not_resolve_is_told_at_once(run: Run) -> None:
    """`.invalid` never resolves (RFC 6761)."""

    async def test() -> None:
        with pytest.raises(TargetUnreachable, match="does not resolve"):
            async with driving(scenario(), "http://nowhere.invalid:8080"):
                pass

    run(test)


def test_a_target_that_dies_is_a_connect_failure(run_on_both: Run) -> None:
    """After the server has gone every further execution fails to connect; none hangs, none crashes the driver."""

    async def test() -> None:
        async with serving(answering(OK)) as server:
            bench_context = driving(scenario(), server.url)
            bench = await bench_context.__aenter__()
            await bench.one()
        for _ in range(3):
            bench.fire()
        await bench.done()
        await bench_context.__aexit__(None, None, None)
        outcome = bench.outcome()
        assert (outcome.ok(), outcome.failures()) == (1, {"connect": 3})
        assert "connection refused" in outcome.samples[0].message

    run_on_both(test)


def test_timeouts_are_counted_exactly_and_their_connections_are_not_used_again(run_on_both: Run) -> None:
    """Silence for every second request of twenty: ten timeouts at their full waiting time, ten good answers."""

    async def script(peer: Peer) -> None:
        while seen := await peer.request():
            if seen.target == "/good":
                peer.send(OK)

    async def test() -> None:
        good, silent = get("/good"), get("/silent", timeout_ns=60 * MS)
        operations = (good, silent)
        async with serving(script) as server:
            async with driving(scenario(*operations), server.url) as bench:
                for _ in range(10):
                    bench.fire(0)
                    bench.fire(1)
                await bench.done()
                assert server.connections == 20
                for _ in range(10):
                    bench.fire(0)
                await bench.done()
            assert server.connections == 20, "the ten good ones again"
        outcome = bench.outcome()
        assert (outcome.ok(), outcome.failures()) == (20, {"timeout": 10})
        waited = outcome.tallies["op"].histogram("response.failed")
        assert waited.min_us is not None
        assert waited.min_us >= 60_000
        assert waited.quantile_us(0.5) < 1_000_000, "its own timeout, not that of the others"
        assert "no answer within 60 ms" in outcome.samples[0].message

    run_on_both(test)


def test_a_timeout_counts_from_the_start_of_the_execution_not_from_when_it_was_due(run: Run) -> None:
    """An execution fired late still gets its whole time, and its response time counts from when it was due."""

    async def script(peer: Peer) -> None:
        while await peer.request():
            await asyncio.sleep(0.03)
            peer.send(OK)

    async def test() -> None:
        async with serving(script) as server, driving(scenario(get(timeout_ns=500 * MS)), server.url) as bench:
            await bench.one(late_ns=2000 * MS)
        tally = bench.outcome().tallies["op"]
        assert tally.count("ok") == 1
        assert tally.histogram("response.ok").min_us >= 2_025_000
        assert 25_000 <= tally.histogram("service.ok").max_us < 400_000

    run(test)


def test_a_timeout_counts_connecting(run_on_both: Run) -> None:
    """A listener whose queue is full never completes the handshake: the execution times out, without a connection."""

    async def test() -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            fillers = []
            async with driving(scenario(get(timeout_ns=50 * MS)), url) as bench:
                for _ in range(4):
                    filler = socket.socket()
                    filler.setblocking(False)
                    filler.connect_ex(listener.getsockname())
                    fillers.append(filler)
                await asyncio.sleep(0.01)
                for _ in range(3):
                    bench.fire()
                await bench.done()
            for filler in fillers:
                filler.close()
        assert bench.outcome().failures() == {"timeout": 3}
        assert bench.outcome().samples[0].message == "no connection within 50 ms"

    run_on_both(test)


def test_no_file_descriptors_is_a_fault_of_the_generator(run_on_both: Run) -> None:
    """EMFILE makes the run invalid: it is noted as our fault, beside the failed execution."""

    async def test() -> None:
        async with serving(answering(OK)) as server, driving(scenario(), server.url) as bench:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            try:
                bench.fire()
                await bench.done()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        outcome = bench.outcome()
        assert outcome.failures() == {"connect": 1}
        assert outcome.faults == {"file descriptors": 1}
        assert outcome.sample() == "this machine ran out of file descriptors"

    run_on_both(test)


def test_no_ports_is_a_fault_of_the_generator(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """EADDRNOTAVAIL on connect: the machine's ephemeral ports are used up."""

    async def test() -> None:
        async with serving(answering(OK)) as server, driving(scenario(), server.url) as bench:
            pool = await bench.driver.network.pool(next(iter(bench.driver.network._pools)))

            async def refuse(_protocol: object) -> None:
                raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

            monkeypatch.setattr(pool, "_dial", refuse)
            await bench.one()
        assert bench.outcome().faults == {"ephemeral ports": 1}

    run(test)


def test_a_body_over_its_limit_fails_the_check_and_is_not_read_to_its_end(run: Run) -> None:
    """`max_bytes` ends the answer as soon as it is passed; the endless body costs no memory and no time."""

    async def endless(peer: Peer) -> None:
        if await peer.request():
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                peer.send(b"400\r\n" + b"x" * 1024 + b"\r\n")
                await peer.writer.drain()

    async def test() -> None:
        outcome, _ = await outcome_of(endless, get(check=Check(max_bytes=10_000)))
        assert outcome.failures() == {"check": 1}
        assert "larger than 10000 bytes" in outcome.sample()

    run(test)


def test_secrets_are_masked_in_samples(run: Run) -> None:
    """What the server echoes of a secret does not reach a file."""

    async def test() -> None:
        script = answering(answer("401 No", b"the token s3cr3t-token is unknown"))
        outcome, _ = await outcome_of(script, secrets=("s3cr3t-token",))
        assert "s3cr3t" not in outcome.sample()
        assert "the token *** is unknown" in outcome.sample()
        assert "HTTP/1.1 401 No" in outcome.sample()

    run(test)


def test_what_still_runs_at_the_end_is_cut_off_once(run_on_both: Run) -> None:
    """`cut_off` ends connecting, waiting and half-read executions alike; none of them finishes."""

    async def script(peer: Peer) -> None:
        if await peer.request():
            peer.send(HEAD + b"half")
            await asyncio.sleep(10)

    async def test() -> None:
        async with serving(script) as server, driving(scenario(), server.url) as bench:
            for _ in range(3):
                bench.fire()
            await asyncio.sleep(0.03)
            for _ in range(2):
                bench.fire()
        outcome = bench.outcome()
        assert outcome.tallies["op"].count("cut_off") == 5
        assert bench.finished == []

    run_on_both(test)


def test_without_keep_alive_every_request_has_its_own_connection(run: Run) -> None:
    """With `keep_alive` false each request asks for the close and has a connection of its own."""

    async def test() -> None:
        outcome, server = await outcome_of(answering(OK), times=4, http=HttpSettings(keep_alive=False))
        assert (outcome.ok(), server.connections) == (4, 4)
        assert {seen.headers["connection"] for seen in server.seen} == {"close"}

    run(test)
