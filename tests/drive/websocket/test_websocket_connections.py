"""Connections that do not come about, and those that are lost before their time: counted once each, by cause."""

import asyncio
import resource
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
import trustme
from websocket_engine import BY_ID, ECHO, closed, drive, echo, opened, raw_server, run, scenario, serving
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from loadtests.drive.drivers.websocket import driver as driver_module
from loadtests.errors import GeneratorFault, HostNotAllowed, TargetUnreachable
from loadtests.plan.model import Tls
from loadtests.plan.protocol.websocket import WebsocketSettings
from loadtests.result.window import CUT_OFF, DROPPED_AT, OFFERED, OK, PUSHES, RECONNECTED

_UNMASKED_TEXT = b"\x81\x02hi"


async def _linger(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


def _answering(answer: bytes):  # type: ignore[no-untyped-def]
    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return behave


REFUSALS = [
    ("a plain 200", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "upgrade"),
    ("503", b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "status_5xx"),
    ("403", b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "status_4xx"),
    ("a redirect", b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", "status_3xx"),
    ("no HTTP at all", b"220 mail ready\r\n\r\n", "protocol"),
    ("the wrong accept key", b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n", "protocol"),
    ("an endless head", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000, "protocol"),
    ("nothing, and closed", b"", "connect"),
]


@pytest.mark.parametrize(("sentence", "answer", "kind"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_an_upgrade_that_is_not_granted_is_a_failed_connection(sentence: str, answer: bytes, kind: str) -> None:
    """And no drop; messages that were due have nowhere to go."""

    async def test() -> None:
        async with raw_server(_answering(answer), upgrade=False) as url:
            driven = await drive(scenario(opened(3, rate=50.0, seconds=0.3), ECHO), url)
        assert driven.connections.failures == {kind: 3}
        assert driven.connections.count(OFFERED) == 3
        assert not driven.connections.lost_connections
        assert driven["echo"].failures == {"disconnected": 15}

    run(test)


def test_an_upgrade_that_never_comes_times_out() -> None:
    async def test() -> None:
        async with raw_server(_linger, upgrade=False) as url:
            driven = await drive(scenario(opened(2, seconds=0.4), timeout=0.1), url)
        assert driven.connections.failures == {"timeout": 2}

    run(test)


def _then(data: bytes):  # type: ignore[no-untyped-def]
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        with suppress(TimeoutError):
            await asyncio.wait_for(reader.read(), 1.0)

    return behave


async def _shut(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.05)


async def _reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.05)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    writer.transport.abort()


LOSSES = [
    ("closed with 1011", _then(b"\x88\x02\x03\xf3"), "close_1011"),
    ("closed without a code", _then(b"\x88\x00"), "close_1005"),
    ("closed without a close frame", _shut, "eof"),
    ("reset", _reset, "reset"),
    ("text that is no UTF-8", _then(b"\x81\x02\xff\xfe"), "protocol"),
    ("a frame over the size limit", _then(b"\x82\x7f" + (1 << 40).to_bytes(8, "big")), "too_big"),
    ("an unknown opcode", _then(b"\x83\x00"), "protocol"),
]


@pytest.mark.parametrize(("sentence", "behave", "cause"), LOSSES, ids=[row[0] for row in LOSSES])
def test_a_connection_lost_before_its_time_is_one_drop(sentence: str, behave, cause: str) -> None:  # type: ignore[no-untyped-def]
    async def test() -> None:
        async with raw_server(behave) as url:
            driven = await drive(scenario(opened(3)), url)
        assert driven.connections.count(OK) == 3
        assert driven.connections.lost_connections == {cause: 3}
        assert driven.connections.count(DROPPED_AT) == 3
        assert {sample.kind for sample in driven.samples} == {f"drop {cause}"}

    run(test)


def test_a_half_open_connection_is_found_by_its_missing_pong() -> None:
    async def test() -> None:
        settings = WebsocketSettings(ping_ns=100_000_000, ping_timeout_ns=100_000_000)
        async with raw_server(_linger) as url:
            driven = await drive(scenario(opened(2, seconds=0.6), settings=settings), url)
        assert driven.connections.lost_connections == {"ping_timeout": 2}

    run(test)


def test_connections_that_hold_to_the_end_are_no_drops() -> None:
    """Neither is one that the server closes once the load is over, nor do we leave without a goodbye."""
    codes: list[int | None] = []

    async def hold(connection: ServerConnection) -> None:
        await connection.wait_closed()
        codes.append(connection.close_code)

    async def test() -> None:
        async with serving(hold) as url:
            driven = await drive(scenario(opened(3)), url)
        assert driven.connections.count(OK) == 3
        assert not driven.connections.lost_connections
        assert codes == [1000, 1000, 1000]

    run(test)


@pytest.mark.parametrize("reconnect", [None, 50_000_000])
def test_a_server_that_restarts_drops_every_connection_once(reconnect: int | None) -> None:
    """All go at once; made anew only where the plan says so, and counted."""

    async def test() -> None:
        server = await serve(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]

        async def restart() -> None:
            nonlocal server
            await asyncio.sleep(0.3)
            server.close(close_connections=True)
            await server.wait_closed()
            server = await serve(echo, "127.0.0.1", port, reuse_address=True)

        restarting = asyncio.ensure_future(restart())
        settings = WebsocketSettings(match=BY_ID, reconnect_ns=reconnect)
        what = scenario(opened(20, rate=200.0, seconds=0.9), ECHO, settings=settings)
        driven = await drive(what, f"ws://127.0.0.1:{port}/")
        await restarting
        server.close()
        await server.wait_closed()
        tally = driven.connections
        assert tally.lost_connections == {"close_1001": 20}
        assert tally.count(RECONNECTED) == (0 if reconnect is None else 20)
        assert tally.count(OK) == (20 if reconnect is None else 40)
        assert driven["echo"].count(OFFERED) == 180
        assert driven["echo"].count(OK) + driven["echo"].failed == 180
        assert set(driven["echo"].failures) <= {"disconnected"}
        assert driven["echo"].count(OK) > (50 if reconnect is None else 130)

    run(test)


def test_users_without_a_connection_do_not_spin() -> None:
    """Back to back they would fail a million times; they rest for a second instead."""

    async def test() -> None:
        async with raw_server(_shut) as url:
            driven = await drive(scenario(closed(2, seconds=0.4), ECHO), url)
        assert driven["echo"].count(OFFERED) == 4
        assert driven["echo"].failures == {"disconnected": 4}

    run(test)


def test_a_paced_user_without_a_connection_fails_every_message_that_is_due() -> None:
    async def test() -> None:
        async with raw_server(_shut) as url:
            driven = await drive(scenario(closed(2, seconds=0.4, pacing=0.05), ECHO), url)
        assert driven["echo"].failures == {"disconnected": 16}

    run(test)


def test_a_server_that_floods_is_read_and_the_load_goes_on() -> None:
    async def flood(connection: ServerConnection) -> None:
        async def pour() -> None:
            while True:
                for _ in range(100):
                    await connection.send("x" * 1000)
                await asyncio.sleep(0.005)

        pouring = asyncio.ensure_future(pour())
        with suppress(Exception):
            await echo(connection)
        pouring.cancel()

    async def test() -> None:
        async with serving(flood) as url:
            what = scenario(
                opened(2, rate=50.0, seconds=0.4), ECHO, settings=WebsocketSettings(match=BY_ID), timeout=2.0
            )
            driven = await drive(what, url)
        assert driven.connections.count(PUSHES) > 100
        assert driven["echo"].count(OK) == 20
        assert not driven.connections.lost_connections

    run(test)


def test_a_flood_behind_the_upgrade_in_one_piece_is_read() -> None:
    """Frames may come in the same packet as the answer that grants the upgrade."""

    async def test() -> None:
        async with raw_server(_then(_UNMASKED_TEXT * 50)) as url:
            driven = await drive(scenario(opened(1)), url)
        assert driven.connections.count(PUSHES) == 50

    run(test)


def test_subprotocols_that_are_not_taken_are_a_failure() -> None:
    async def test() -> None:
        async with serving(echo) as url:
            driven = await drive(scenario(opened(1), settings=WebsocketSettings(subprotocols=("one",))), url)
        assert driven.connections.failures == {"upgrade": 1}

    run(test)


def test_upgrades_are_timed_from_when_they_were_due() -> None:
    async def slow(_connection: ServerConnection, _request: Request) -> Response | None:
        await asyncio.sleep(0.1)
        return None

    async def test() -> None:
        async with serving(echo, process_request=slow) as url:
            driven = await drive(scenario(opened(3, spawn=20.0, seconds=0.8), timeout=0.7), url)
        times = driven.connections.histogram("connect")
        assert times.total == 3
        assert 100_000 <= (times.quantile_us(0.001) or 0) < 190_000

    run(test)


@pytest.mark.parametrize("verify", [True, False])
def test_tls_checks_the_certificate_unless_told_not_to(tmp_path: Path, verify: bool) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    async def test() -> None:
        async with serving(echo, ssl=context) as url:
            secure = url.replace("ws://", "wss://")
            tls = Tls(ca=str(tmp_path / "ca.pem")) if verify else Tls(verify=False)
            good = await drive(scenario(opened(1, rate=50.0, seconds=0.2), ECHO), secure, tls=tls)
            bad = await drive(scenario(opened(1, seconds=0.2)), secure)
        assert good["echo"].count(OK) == 10
        assert bad.connections.failures == {"connect": 1}
        assert "certificate" in bad.samples[0].message

    run(test)


def test_nothing_that_listens_and_hosts_not_allowed_end_the_run_before_it_starts() -> None:
    async def test() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            with pytest.raises(TargetUnreachable, match="refused"):
                await drive(scenario(opened(1)), f"ws://127.0.0.1:{taken.getsockname()[1]}/")
        with pytest.raises(HostNotAllowed):
            await drive(scenario(opened(1)), "ws://0.0.0.0:9/")

    run(test)


def test_too_few_files_are_said_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_module.resource, "getrlimit", lambda _: (64, 128))

    async def test() -> None:
        with pytest.raises(GeneratorFault, match=r"1,100 open files .* 128 .*ulimit -Hn"):
            await drive(scenario(opened(1000)), "ws://127.0.0.1:9/")

    run(test)


def test_a_limit_that_is_hit_after_all_is_our_fault_and_no_failure_of_the_target() -> None:
    """The attempts are cut off, the run is told of the fault, and no drop or failed connection is counted."""

    async def test() -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        raising = driver_module._raise_file_limit
        with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:  # takes no descriptors of this process
            used = len(list(Path("/proc/self/fd").iterdir()))
            driver_module._raise_file_limit = lambda _: resource.setrlimit(resource.RLIMIT_NOFILE, (used + 12, hard))
            try:
                driven = await drive(scenario(opened(30), timeout=5.0), f"ws://127.0.0.1:{silent.getsockname()[1]}/")
            finally:
                driver_module._raise_file_limit = raising
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert driven.faults["file descriptors"] > 5
        assert driven.connections.count(CUT_OFF) == driven.connections.count(OFFERED) == 30
        assert not driven.connections.failures

    run(test)
