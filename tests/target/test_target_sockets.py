"""/ws over real sockets: what its modes answer, how connections end, and what the dial does to them."""

import json
import socket
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from served import UPGRADE, Target, close_code, frame
from target_waiting import wait_until
from websockets.exceptions import InvalidStatus


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize(
    "message",
    [
        pytest.param("", id="empty text"),
        pytest.param("grüße 🎯", id="text beyond ASCII"),
        pytest.param(b"\x00\xff" * 300, id="binary of a length in two bytes"),
        pytest.param("x" * 1_000_000, id="as long as allowed"),
    ],
)
def test_echo_returns_each_message_as_it_was(target: Target, message: str | bytes, compression: str | None) -> None:
    """Text stays text, binary stays binary; compressed only when the client asked for it."""
    with target.open(compression=compression) as client:
        client.send(message)
        assert client.recv(timeout=10) == message
        assert bool(client.protocol.extensions) is (compression is not None)


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("message", ["grüße 🎯", b"\x00\xff" * 40_000], ids=["text", "binary"])
def test_message_in_fragments_is_echoed_whole(target: Target, message: str | bytes, compression: str | None) -> None:
    """The pieces, cut anywhere between characters, make one message."""
    with target.open(compression=compression) as client:
        client.send([message[:1], message[1:5], message[5:]])
        assert client.recv(timeout=10) == message


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        pytest.param(None, None, id="none offered"),
        pytest.param(["netra.v2", "netra.v1"], "netra.v1", id="ours among others"),
        pytest.param(["chat"], None, id="only others"),
    ],
)
def test_subprotocol_is_taken_when_offered(target: Target, offered: Any, taken: str | None) -> None:
    """The connection opens either way."""
    with target.open(subprotocols=offered) as client:
        assert client.subprotocol == taken


def test_ping_is_answered_in_order_with_messages(target: Target) -> None:
    """A message, a ping and a close in one packet: echo, pong, close, each whole and the close last."""
    with target.raw() as client:
        client.sendall(frame(1, b"one") + frame(9, b"two") + frame(8, b"\x03\xe8"))
        received = b""
        while piece := client.recv(4096):
            received += piece
    assert sorted([received[:5], received[5:10]]) == [b"\x81\x03one", b"\x8a\x03two"]
    assert received[10:] == b"\x88\x02\x03\xe8"


def test_events_tell_an_execution_from_start_to_result(target: Target) -> None:
    """The series in order, the id as sent in each, the result of the REST endpoint; mistakes are answered too."""
    asked = {"query": "reduce cost", "user_id": 42}
    rest = target.http.post("/api/agent/execute", json=asked).json()
    with target.open("?mode=events") as client:
        client.send(json.dumps({"type": "execute", "id": [7, "x"], **asked}))
        series = [json.loads(client.recv(timeout=10)) for _ in range(10)]
        client.send(json.dumps({"type": "execute", "id": 8, "query": ""}))
        wrong = json.loads(client.recv(timeout=10))
        client.send('{"type": "sing"}')
        other = json.loads(client.recv(timeout=10))
    assert [event["type"] for event in series] == ["started", *["phase"] * 8, "completed"]
    assert [event["name"] for event in series[1:9:2]] == ["triage", "data", "optimisation", "report"]
    assert [event["state"] for event in series[1:9]] == ["began", "ended"] * 4
    assert all(event["id"] == [7, "x"] for event in series)
    for name in ("user_id", "savings", "tier", "status", "optimization"):
        assert series[9][name] == rest[name]
    assert (wrong["type"], wrong["id"]) == ("error", 8)
    assert wrong["reason"].startswith("query: expected text")
    assert (other["type"], other["id"]) == ("error", None)


def test_broadcast_reaches_everyone_once_and_subscribers_their_topics(target: Target) -> None:
    """As it was sent, the sender among them; a subscriber hears its topics only; other modes hear nothing."""
    first, second, third = (json.dumps({"n": n, "topic": topic}) for n, topic in ((1, "a"), (2, "b"), (3, None)))
    with target.open("?mode=broadcast") as sender, target.open("?mode=broadcast", compression="deflate") as listener:
        with target.open("?mode=broadcast") as subscriber, target.open() as stranger:
            subscriber.send('{"type": "subscribe", "topic": "b"}')
            subscriber.send('{"topic": "b", "ready": true}')
            ready = [client.recv(timeout=10) for client in (sender, listener, subscriber)]
            for message in (first, second, third):
                sender.send(message)
            for client in (sender, listener):
                assert [client.recv(timeout=10) for _ in range(3)] == [first, second, third]
            assert subscriber.recv(timeout=10) == second
            stranger.send("mine")
            assert stranger.recv(timeout=10) == "mine"
            subscriber.ping().wait(10)
            with pytest.raises(TimeoutError):
                subscriber.recv(timeout=0)
        sender.send(first)
        assert sender.recv(timeout=10) == first
    assert set(ready) == {'{"topic": "b", "ready": true}'}


def test_push_numbers_from_zero_and_keeps_its_pace(target: Target) -> None:
    """seq without gaps, sent in Unix seconds; ten periods of 10 ms take about 100 ms, however late each one is."""
    with target.open("?mode=push&every=10ms") as client:
        pushed = [json.loads(client.recv(timeout=10)) for _ in range(11)]
    assert [push["seq"] for push in pushed] == list(range(11))
    assert {push["type"] for push in pushed} == {"push"}
    assert 0.05 < pushed[-1]["sent"] - pushed[0]["sent"] < 1.0
    assert abs(time.time() - pushed[-1]["sent"]) < 5


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        pytest.param("?mode=sing", 400, "mode: expected one of echo, events, broadcast, push", id="no such mode"),
        pytest.param("?mode=push&every=soon", 400, "every: expected a duration", id="no duration"),
        pytest.param("?mode=push&every=0", 400, "every: expected a time from 1ms", id="no pause at all"),
    ],
)
def test_wrong_query_refuses_the_upgrade_with_a_sentence(
    target: Target, query: str, status: int, sentence: str
) -> None:
    """Not a connection that does something else than asked."""
    with pytest.raises(InvalidStatus) as caught:
        target.open(query)
    assert caught.value.response.status_code == status
    assert sentence in caught.value.response.body.decode()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param(b"GET /ws HTTP/1.1\r\nhost: x\r\n\r\n", b"426", id="no upgrade"),
        pytest.param((UPGRADE % b"").replace(b"== ", b"").replace(b"ZQ==", b""), b"400", id="a key too short"),
        pytest.param((UPGRADE % b"").replace(b"version: 13", b"version: 8"), b"400", id="an old version"),
        pytest.param((UPGRADE % b"").replace(b"/ws", b"/health"), b"200", id="an upgrade of another path"),
        pytest.param((UPGRADE % b"").replace(b"GET", b"PUT"), b"405", id="an upgrade by PUT"),
        pytest.param((UPGRADE % b"").replace(b"websocket\r", b"h2c\r"), b"426", id="another protocol"),
    ],
)
def test_what_is_no_upgrade_to_a_socket_is_an_http_answer(target: Target, head: bytes, status: bytes) -> None:
    """The server goes on serving."""
    with socket.create_connection(("127.0.0.1", target.port), timeout=10) as client:
        client.sendall(head)
        assert client.recv(4096).split()[1] == status
    assert target.http.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("mode", "sent", "code"),
    [
        pytest.param(b"", frame(8, b"\x03\xe8"), 1000, id="the client closes normally"),
        pytest.param(b"", frame(8, b"\x0f\xa0bye"), 4000, id="the client's own code comes back"),
        pytest.param(b"", frame(1, b"no mask", masked=0), 1002, id="an unmasked frame"),
        pytest.param(b"", frame(3, b""), 1002, id="an opcode that is none"),
        pytest.param(b"", frame(0, b"rest"), 1002, id="a continuation of nothing"),
        pytest.param(b"", frame(9, b"", fin=0), 1002, id="a ping in fragments"),
        pytest.param(b"", frame(1, b"\xff\xfe"), 1007, id="text that is no UTF-8"),
        pytest.param(b"", frame(1, b"\xc3", fin=0) + frame(0, b"x"), 1007, id="no UTF-8 across fragments"),
        pytest.param(b"", frame(2, bytes(1_000_001)), 1009, id="a message over 1 MB"),
        pytest.param(b"", frame(2, bytes(600_000), fin=0) + frame(0, bytes(600_000)), 1009, id="over it in fragments"),
        pytest.param(b"?mode=events", frame(1, b"{"), 1007, id="no JSON"),
        pytest.param(b"?mode=events", frame(1, b"[1]"), 1003, id="JSON of another kind"),
        pytest.param(b"?mode=broadcast", frame(2, b"{}"), 1003, id="binary where JSON is expected"),
        pytest.param(b"?mode=broadcast", frame(1, b'{"type":"subscribe"}'), 1003, id="no topic to subscribe to"),
    ],
)
def test_connection_ends_with_the_code_that_says_why(target: Target, mode: bytes, sent: bytes, code: int) -> None:
    """One close frame and the end of the stream, also with bytes of the client still on their way."""
    with target.raw(mode) as client:
        client.sendall(sent)
        assert close_code(client) == code
    assert target.http.get("/health").status_code == 200


def test_flood_by_who_does_not_read_is_bounded(start: Any) -> None:
    """The client is not read from any more; the server's memory stays, and it serves others."""
    own = start()
    process = psutil.Process(own.process.pid)
    own.http.get("/health")
    before = process.memory_info().rss
    with own.raw() as flooder:
        flooder.setblocking(False)
        flood = rest = memoryview(frame(2, bytes(100_000)) * 10)
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            try:
                rest = rest[flooder.send(rest) :] or flood
            except BlockingIOError:
                time.sleep(0.01)
        assert process.memory_info().rss - before < 50_000_000
        assert own.metric("netra_websocket_connections_active") == 1
        with own.open() as client:
            client.send("hello")
            assert client.recv(timeout=10) == "hello"


def test_listener_that_does_not_read_is_cut_off_before_memory_grows(start: Any) -> None:
    """100 broadcasts of 500 kB to one who sleeps: it is aborted, the sender hears all of them."""
    own = start()
    with own.raw(b"?mode=broadcast"), own.open("?mode=broadcast") as sender:
        message = json.dumps({"text": "x" * 500_000})
        for _ in range(100):
            sender.send(message)
            assert sender.recv(timeout=10) == message
        wait_until(lambda: own.metric("netra_websocket_connections_active") == 1)


def test_half_read_upgrades_leave_nothing_behind(start: Any) -> None:
    """200 clients that leave in the middle of their head; the descriptors are free again."""
    own = start()
    process = psutil.Process(own.process.pid)
    own.http.get("/health")
    before = process.num_fds()
    clients = [socket.create_connection(("127.0.0.1", own.port), timeout=10) for _ in range(200)]
    for client in clients:
        client.sendall((UPGRADE % b"")[:60])
    wait_until(lambda: process.num_fds() == before + 200)
    for client in clients:
        client.close()
    wait_until(lambda: process.num_fds() == before)


def test_stop_closes_every_socket_with_1001_at_once(start: Any, tmp_path: Path) -> None:
    """300 connections, one of them silent: 299 are told 1001; the process is gone within about a second, silently."""
    own = start("--sockets", "silent 0.34%", "--log", str(tmp_path / "log"))
    clients = [own.raw() for _ in range(300)]
    wait_until(lambda: own.counted()["silenced"] == 1)
    told = time.monotonic()
    own.process.terminate()
    codes = []
    for client in clients:
        received = client.recv(4096)
        codes.append(int.from_bytes(received[2:4], "big") if received else 0)
        client.close()
    _, errors = own.process.communicate(timeout=10)
    assert time.monotonic() - told < 3
    assert (own.process.returncode, errors) == (0, "")
    assert sorted(codes) == [0] + [1001] * 299
    events = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    ends = [event for event in events if event["message"] == "socket disconnected"]
    assert len(ends) == 300


def test_socket_tells_of_itself(start: Any, tmp_path: Path) -> None:
    """Gauge, counters and events: two connections, one ends well and one with an error of its own."""
    own = start("--log", str(tmp_path / "log"))
    with own.open(compression="deflate", subprotocols=["netra.v1"]) as client:
        client.send("x")
        client.recv(timeout=10)
        assert own.metric("netra_websocket_connections_active") == 1
    with own.raw() as rude:
        rude.sendall(frame(1, b"\xff"))
        assert close_code(rude) == 1007
    wait_until(lambda: own.metric("netra_websocket_connections_active") == 0)
    assert own.metric("netra_websocket_connections_total") == 2
    assert own.metric('netra_websocket_messages_total{direction="in"}') == 2
    assert own.metric('netra_websocket_messages_total{direction="out"}') == 1
    assert own.metric('http_requests_total{endpoint="/ws",method="GET",status="101"}') == 2
    own.process.terminate()
    own.process.communicate(timeout=10)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    told = [(line["message"], line["level"], line["metadata"]) for line in lines if line["component"] == "sockets"]
    assert [(message, level, about["category"]) for message, level, about in told] == [
        ("socket connected", "INFO", "system"),
        ("socket disconnected", "INFO", "system"),
        ("socket connected", "INFO", "system"),
        ("socket disconnected", "WARNING", "error"),
    ]
    assert (told[0][2]["subprotocol"], told[0][2]["compressed"], told[0][2]["mode"]) == ("netra.v1", True, "echo")
    assert (told[1][2]["code"], told[1][2]["cause"]) == (1000, "client")
    assert (told[3][2]["code"], told[3][2]["cause"]) == (1007, "unusable message")
