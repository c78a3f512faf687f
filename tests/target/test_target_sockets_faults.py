"""/ws over real sockets: what the dial does to upgrades, connections and messages, exactly as dialled."""

import errno
import socket
import time
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import psutil
import pytest
from served import UPGRADE, Target, frame
from target_waiting import wait_until


def test_refused_upgrades_are_503_and_exactly_the_share(target: Target) -> None:
    """Every fourth upgrade; the others open."""
    target.dial("refuse 25%")
    statuses = []
    for _ in range(12):
        with socket.create_connection(("127.0.0.1", target.port), timeout=10) as client:
            client.sendall(UPGRADE % b"")
            statuses.append(int(client.recv(4096).split()[1]))
    assert statuses == [101, 101, 101, 503] * 3
    assert (target.counted()["upgrades"], target.counted()["refused"]) == (12, 3)


@pytest.mark.parametrize(
    ("how", "ends"),
    [
        pytest.param("", 1011, id="closed with 1011"),
        pytest.param("4001", 4001, id="closed with a code of one's own"),
        pytest.param("reset", errno.ECONNRESET, id="reset"),
    ],
)
def test_dropped_connections_end_as_dialled_and_exactly_so_many(target: Target, how: str, ends: int) -> None:
    """Every fifth of 20, by its number; the other 16 still answer."""
    target.dial({"drop": f"20% after 50ms {how}".strip()})
    with ExitStack() as stack:
        clients = [stack.enter_context(target.raw()) for _ in range(20)]
        wait_until(lambda: target.counted()["dropped"] >= 4)
        fates: list[int] = []
        for client in clients:
            try:
                client.sendall(frame(1, b"hello"))
                received = client.recv(4096)
            except ConnectionResetError as error:
                fates.append(error.errno)
                continue
            fates.append(0 if received == b"\x81\x05hello" else int.from_bytes(received[2:4], "big"))
    assert fates == [0, 0, 0, 0, ends] * 4
    assert (target.counted()["connections"], target.counted()["dropped"]) == (20, 4)


def test_drop_dialled_off_before_it_is_due_does_not_happen(target: Target) -> None:
    """Turning the dial back is believed."""
    target.dial({"drop": "100% after 200ms"})
    with target.open() as client:
        target.dial({})
        time.sleep(0.3)
        client.send("still here")
        assert client.recv(timeout=10) == "still here"


def test_silent_connection_answers_nothing_stays_open_and_is_let_go_with_its_client(start: Any) -> None:
    """Not even pings, no end of stream; when the client leaves, its descriptor is freed within seconds."""
    own = start()
    process = psutil.Process(own.process.pid)
    own.http.get("/health")
    before = process.num_fds()
    own.dial({"silent": "50%"})
    with own.raw() as lively, own.raw() as silent:
        wait_until(lambda: own.counted()["silenced"] >= 1)
        for client in (lively, silent):
            client.sendall(frame(9, b"ping") + frame(1, b"text") + frame(8, b"\x03\xe8"))
        received = b""
        while not all(word in received for word in (b"ping", b"text")):
            piece = lively.recv(4096)
            assert piece, f"it was closed after {received!r}"
            received += piece
        silent.settimeout(0.3)
        with pytest.raises(TimeoutError):
            silent.recv(4096)
        assert process.num_fds() > before
    wait_until(lambda: process.num_fds() == before)
    wait_until(lambda: own.metric("netra_websocket_connections_active") == 0)


def test_answers_are_lost_duplicated_and_reordered_exactly(target: Target) -> None:
    """10% each of 100 echoes on one connection: 10 lost, 10 twice, 10 behind their successor."""
    target.dial("lose 10%; duplicate 10%; reorder 10%")
    with target.open() as client:
        for number in range(100):
            client.send(str(number))
        heard = [int(client.recv(timeout=10)) for _ in range(100)]
    assert len(set(heard)) == 90
    assert sum(after < before for before, after in pairwise(heard)) == 10
    counted = target.counted()
    assert [counted[name] for name in ("answers", "lost", "duplicated", "reordered")] == [100, 10, 10, 10]


def test_held_answer_without_a_successor_comes_after_a_second(target: Target) -> None:
    """Late, not lost."""
    target.dial("reorder 100%")
    with target.open() as client:
        began = time.monotonic()
        client.send("alone")
        assert client.recv(timeout=10) == "alone"
        assert 0.9 < time.monotonic() - began < 5


def test_delay_holds_each_answer_as_long_as_dialled(target: Target) -> None:
    """Not a millisecond early, as the loop's own timers would be; a long delay does not hold up the next answer."""
    target.dial({"delay": "20ms, 300ms 20%"})
    with target.open() as client:
        took = []
        for number in range(10):
            began = time.perf_counter()
            client.send(str(number))
            client.recv(timeout=10)
            took.append(time.perf_counter() - began)
        assert min(took) >= 0.02
        assert sum(seconds >= 0.3 for seconds in took) == 2
        for number in range(10):
            client.send(str(number))
        heard = [client.recv(timeout=10) for _ in range(10)]
    assert sorted(heard) == [str(number) for number in range(10)]
    assert heard != sorted(heard)
    assert target.counted()["delayed"] == 20


def test_lost_copies_of_a_broadcast_are_the_dialled_share_of_all_copies(target: Target) -> None:
    """Ten messages to four listeners at 10%: 36 of 40 arrive."""
    target.dial("lose 10%")
    with ExitStack() as stack:
        clients = [stack.enter_context(target.raw(b"?mode=broadcast")) for _ in range(4)]
        clients[0].sendall(frame(1, b'{"n":1}') * 10)
        heard = b""
        for client in clients:
            client.sendall(frame(8, b"\x03\xe8"))
            while piece := client.recv(4096):
                heard += piece
    assert heard.count(b'{"n":1}') == 36
