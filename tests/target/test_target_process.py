"""The target as a user starts it: a process with a port, that comes up, breaks as dialled and goes away."""

import errno
import http.client
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from target_waiting import wait_until

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a target; whatever is left of it is ended with the test."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "loadtests", "target", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def port_of(process: subprocess.Popen[str]) -> int:
    """The port from the line the target prints once it accepts connections."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        assert selector.select(timeout=20), "the target did not get ready"
    line = process.stdout.readline()
    assert line.startswith("listening on http://127.0.0.1:"), line
    return int(line.rpartition(":")[2])


def get(connection: http.client.HTTPConnection, path: str, method: str = "GET") -> http.client.HTTPResponse:
    connection.request(method, path)
    reply = connection.getresponse()
    reply.text = reply.read()
    return reply


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_target_serves_and_ends_cleanly_on_a_signal(start: Start, tmp_path: Path, number: int) -> None:
    """Ready file and line, keep-alive, HEAD without a body, chunks; then exit 0 at once despite an idle client."""
    ready = tmp_path / "ready"
    process = start("--port", "0", "--ready-file", str(ready), "--log", str(tmp_path / "log"))
    port = port_of(process)
    assert ready.read_text() == f"http://127.0.0.1:{port}\n"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    assert get(connection, "/health").text == b'{"status":"healthy"}'
    first_socket = connection.sock
    head = get(connection, "/api/large?bytes=50", "HEAD")
    assert (head.status, head.headers["content-length"], head.text) == (200, "50", b"")
    chunked = get(connection, "/api/large?bytes=150000&chunked=1")
    assert (chunked.headers["transfer-encoding"], len(chunked.text)) == ("chunked", 150_000)
    assert connection.sock is first_socket
    told = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")
    assert time.monotonic() - told < 1.5
    connection.close()
    events = [json.loads(line)["message"] for line in (tmp_path / "log").read_text().splitlines()]
    assert events == ["service started", "service stopping"]


def test_dialled_reset_is_a_real_rst_and_the_next_connection_works(start: Start) -> None:
    """Not an orderly end: the kernel reports ECONNRESET; the share is exact over many connections."""
    process = start("--port", "0", "--reset", "20%")
    port = port_of(process)
    fates = []
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            try:
                fates.append(client.recv(65_536)[:15])
            except ConnectionResetError as error:
                fates.append(error.errno)
    assert fates == ([b"HTTP/1.1 200 OK"] * 4 + [errno.ECONNRESET]) * 4
    process.terminate()
    assert process.communicate(timeout=10)[1] == ""


def test_stop_does_not_wait_for_a_slow_request(start: Start) -> None:
    """A request with a minute to go is cut off; the exit is clean and silent."""
    process = start("--port", "0", "--law", "1m")
    client = socket.create_connection(("127.0.0.1", port_of(process)), timeout=10)
    client.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
    time.sleep(0.2)
    told = time.monotonic()
    process.terminate()
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")
    assert time.monotonic() - told < 3
    client.close()


def test_target_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """kill -9 of who started it leaves no orphan."""
    ready = tmp_path / "ready"
    code = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-m', 'loadtests', 'target', '--port', '0', '--with-parent',"
        " '--ready-file', sys.argv[1]], stdout=subprocess.DEVNULL)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(ready)]) as parent:
        try:
            wait_until(ready.exists)
            port = int(ready.read_text().rpartition(":")[2])
            assert answers(port)
        finally:
            os.kill(parent.pid, signal.SIGKILL)
    wait_until(lambda: not answers(port))


def test_taken_port_is_one_clear_line(start: Start) -> None:
    """Exit 2, what is wrong and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("--port", str(port))
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, output) == (2, "")
    assert errors == (
        f"loadtests: cannot listen on 127.0.0.1 port {port}: address already in use; "
        "choose another --port (0 takes any free one) or stop what listens there\n"
    )


def test_wrong_dial_is_one_clear_line(start: Start) -> None:
    """The command line says which option and what it expected."""
    process = start("--errors", "many")
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert errors.startswith("loadtests: --errors: expected a share such as 1% or 0.01")
    assert errors.count("\n") == 1


def test_ready_file_that_cannot_be_written_is_one_clear_line(start: Start, tmp_path: Path) -> None:
    """Exit 2 rather than a target nobody is told about."""
    process = start("--port", "0", "--ready-file", str(tmp_path / "missing" / "ready"))
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "cannot write the ready file" in errors
    assert errors.count("\n") == 1


def test_nonsense_on_the_wire_is_a_400(start: Start) -> None:
    """The client is told; stderr stays empty while the log is off."""
    process = start("--port", "0")
    with socket.create_connection(("127.0.0.1", port_of(process)), timeout=10) as client:
        client.sendall(b"NONSENSE\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 400 Bad Request")
    process.terminate()
    assert process.communicate(timeout=10)[1] == ""


def answers(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(5)
        return client.connect_ex(("127.0.0.1", port)) == 0
