"""The truth server over real sockets: it answers when its law says, as its law says, and notes what it did."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.accuracy.behaviour import MS, Behaviour, Ending, Step
from benchmarks.accuracy.ledger import Ledger

ROOT = Path(__file__).parents[2]
REQUEST = b"GET /answer HTTP/1.1\r\nHost: truth\r\n\r\n"


@contextlib.contextmanager
def process(behaviour: Behaviour, path: Path) -> Iterator[tuple[int, int]]:
    """The server's process id and port."""
    command = [sys.executable, "-m", "benchmarks.accuracy.server", json.dumps(behaviour.to_wire()), str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        yield server.pid, int(server.stdout.readline())
        server.stdin.close()
        assert server.wait(10) == 0


@contextlib.contextmanager
def serving(behaviour: Behaviour, path: Path) -> Iterator[int]:
    with process(behaviour, path) as (_, port):
        yield port


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def answer(connection: socket.socket, request: bytes = REQUEST) -> bytes:
    connection.sendall(request)
    received = b""
    while b"\r\n\r\n" not in received or not received.endswith(b"}"):
        part = connection.recv(4096)
        if not part:
            return received
        received += part
    return received


def test_every_answer_comes_at_its_instant_and_is_noted(tmp_path: Path):
    """Nothing is answered before its law allows, and the ledger holds one row per request, in order."""
    behaviour = Behaviour((Step(2 * MS, 3), Step(30 * MS, 1)))
    with serving(behaviour, tmp_path / "ledger.npz") as port, connected(port) as connection:
        began = time.monotonic_ns()
        answers = [answer(connection) for _ in range(8)]
        took = time.monotonic_ns() - began
    ledger = Ledger.load(tmp_path / "ledger.npz")
    assert {text.split(b"\r\n")[0] for text in answers} == {b"HTTP/1.1 200 OK"}
    assert sorted((ledger.due_ns - ledger.received_ns) // MS) == [2] * 6 + [30] * 2
    assert (ledger.sent_ns >= ledger.due_ns).all()
    assert took >= 72 * MS
    assert ledger.count() == ledger.count(Ending.GOOD) == 8


def test_errors_and_resets_come_at_their_turn(tmp_path: Path):
    """The second answer is a 500; the third ends in a reset, which the client sees as one."""
    with (
        serving(Behaviour((Step(MS),), error_every=2, reset_every=3), tmp_path / "ledger.npz") as port,
        connected(port) as connection,
    ):
        assert answer(connection).startswith(b"HTTP/1.1 200 ")
        assert answer(connection).startswith(b"HTTP/1.1 500 ")
        with pytest.raises(ConnectionResetError):
            answer(connection)
    ledger = Ledger.load(tmp_path / "ledger.npz")
    assert ledger.ending.tolist() == [Ending.GOOD, Ending.ERROR, Ending.RESET]


def test_a_cut_answer_begins_and_then_resets(tmp_path: Path):
    """Every second reset comes half-way through an answer that promised more."""
    with serving(Behaviour((Step(MS),), reset_every=1), tmp_path / "ledger.npz") as port:
        with connected(port) as first, pytest.raises(ConnectionResetError):
            answer(first)
        with connected(port) as second:
            second.sendall(REQUEST)
            begun = second.recv(4096)
            with pytest.raises(ConnectionResetError):
                second.recv(4096)
    assert begun.startswith(b"HTTP/1.1 200 ")
    assert not begun.endswith(b"}")
    assert Ledger.load(tmp_path / "ledger.npz").ending.tolist() == [Ending.RESET, Ending.CUT]


def test_anything_but_the_work_is_a_stray(tmp_path: Path):
    """A probe before the run gets a 404 and does not count as a request."""
    with serving(Behaviour((Step(MS),)), tmp_path / "ledger.npz") as port, connected(port) as connection:
        assert answer(connection, b"GET / HTTP/1.1\r\nHost: truth\r\n\r\n").startswith(b"HTTP/1.1 404 ")
        assert answer(connection).startswith(b"HTTP/1.1 200 ")
    ledger = Ledger.load(tmp_path / "ledger.npz")
    assert (ledger.strays, ledger.count()) == (1, 1)


def test_a_request_that_waits_to_be_read_is_dated_when_it_came(tmp_path: Path):
    """The kernel notes it: a server that was stopped for 200 ms is late by them, and the request is not."""
    path = tmp_path / "ledger.npz"
    with process(Behaviour((Step(MS),)), path) as (pid, port), connected(port) as connection:
        answer(connection)
        os.kill(pid, signal.SIGSTOP)
        os.waitid(os.P_PID, pid, os.WSTOPPED)
        before = time.monotonic_ns()
        connection.sendall(REQUEST)
        after = time.monotonic_ns()
        time.sleep(0.2)
        os.kill(pid, signal.SIGCONT)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    ledger = Ledger.load(path)
    assert before - MS <= ledger.received_ns[1] <= after + MS
    assert ledger.sent_ns[1] - ledger.due_ns[1] > 190 * MS
