"""How executions end that nobody waits for: clients that leave, a target that stops; nothing is left behind."""

import contextlib
import json
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from served import Target
from target_waiting import wait_until

LONG = "phase 0; first 0; token 20ms; tokens 10000"
ASKED = {"query": "reduce cost", "user_id": "user_42"}


@contextlib.contextmanager
def asking(target: Target, **asked: Any) -> Iterator[socket.socket]:
    """A connection with a question on it, closed at the end without reading an answer."""
    body = json.dumps({**ASKED, **asked}).encode()
    head = f"POST /api/agent/execute HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", target.port), timeout=10) as client:
        client.sendall(head.encode() + body)
        yield client


@pytest.mark.parametrize("asked", [{"stream": True}, {"complexity": "simple"}], ids=["a stream", "in one piece"])
def test_client_that_leaves_cancels_its_execution(target: Target, asked: dict[str, Any]) -> None:
    """The worker is free again, the end is `cancelled`, and the provider has one connection less."""
    target.dial(agents=LONG)
    cancelled = target.agents()["cancelled"]
    with asking(target, **asked):
        wait_until(lambda: target.agents()["running"] == 1)
    wait_until(lambda: target.agents()["running"] == 0)
    assert target.agents()["cancelled"] == cancelled + 1


def test_client_that_leaves_the_queue_was_never_begun(target: Target) -> None:
    """While workers are paused: out of the queue, and no execution of any kind."""
    target.dial(agents=f"{LONG}; pause 1h")
    with asking(target, stream=True):
        wait_until(lambda: target.agents()["queued"] == 1)
    wait_until(lambda: target.agents()["queued"] == 0)
    assert target.counted("agents")["executions"] == 0


def test_socket_that_closes_takes_its_executions_along(target: Target) -> None:
    """Three side by side on one connection, told apart by their ids."""
    target.dial(agents=LONG)
    with target.open("?mode=events") as client:
        for number in range(3):
            client.send(json.dumps({"type": "execute", "id": number, **ASKED}))
        seen = {json.loads(client.recv(timeout=10))["id"] for _ in range(30)}
        assert seen == {0, 1, 2}
        assert target.agents()["running"] == 3
    wait_until(lambda: target.agents()["running"] == 0)


def test_cleared_queue_answers_503_and_can_be_asked_again(target: Target) -> None:
    """Over HTTP with Retry-After, over a socket as an error; nothing of it was begun."""
    target.dial(agents=f"{LONG}; pause 1h")
    with ThreadPoolExecutor(1) as pool, target.open("?mode=events") as client:
        waiting = pool.submit(httpx.post, f"{target.http.base_url}/api/agent/execute", json=ASKED, timeout=20)
        client.send(json.dumps({"type": "execute", "id": 5, **ASKED}))
        wait_until(lambda: target.agents()["queued"] == 2)
        assert target.http.post("/api/admin/clear-agent-queue").json() == {"cleared": 2}
        refused = waiting.result(20)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        told = json.loads(client.recv(timeout=10))
        assert (told["type"], told["kind"], told["id"]) == ("error", "refused", 5)
    assert target.counted("agents")["executions"] == 0


def test_full_queue_answers_429_with_retry_after(start: Callable[..., Target]) -> None:
    """One worker, one place to wait: the third is refused, and so is its turn on a socket; the first two are not."""
    target = start("--agent-workers", "1", "--agent-queue", "1", "--agents", LONG)
    with asking(target), asking(target, stream=True), target.open("?mode=events") as client:
        wait_until(lambda: target.agents()["running"] + target.agents()["queued"] == 2)
        refused = target.http.post("/api/agent/execute", json=ASKED)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        client.send(json.dumps({"type": "execute", "id": 1, **ASKED}))
        assert json.loads(client.recv(timeout=10))["reason"] == "the agent queue is full (1)"
        assert target.agents()["refused"] == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_stop_with_streams_open_tells_them_and_leaves_nothing(
    start: Callable[..., Target], tmp_path: Path, number: int
) -> None:
    """An error event ends the stream in order; who waits gets 503; exit 0, no noise, and the provider is gone too."""
    target = start("--agent-workers", "1", "--agents", LONG, "--log", str(tmp_path / "log"))
    provider = psutil.Process(target.process.pid).children()
    assert len(provider) == 1
    with asking(target, stream=True) as streaming, asking(target) as waiting:
        wait_until(lambda: target.agents()["queued"] == 1)
        target.process.send_signal(number)
        _, errors = target.process.communicate(timeout=10)
        assert (target.process.returncode, errors) == (0, "")
        assert b'{"kind":"internal","reason":"the server stops"}\n\n\r\n0\r\n\r\n' in read_all(streaming)
        assert read_all(waiting).startswith(b"HTTP/1.1 503 ")
    _, alive = psutil.wait_procs(provider, timeout=10)
    assert not alive
    events = [json.loads(line)["message"] for line in (tmp_path / "log").read_text().splitlines()]
    assert events[-3:] == ["service stopping", "agent execution failed", "request failed"]


def test_provider_that_dies_fails_executions_and_nothing_else(start: Callable[..., Target]) -> None:
    """502 of the kind provider; the quick answer needs no provider."""
    target = start()
    for child in psutil.Process(target.process.pid).children():
        child.kill()
        wait_until(lambda child=child: child.status() == psutil.STATUS_ZOMBIE)
    failed = target.http.post("/api/agent/execute", json={**ASKED, "complexity": "simple"}, timeout=20)
    assert failed.status_code == 502
    assert failed.json()["error"]["kind"] == "provider"
    assert target.http.post("/api/agent/execute", json=ASKED).status_code == 200


def test_executions_leave_no_memory_behind(start: Callable[..., Target]) -> None:
    """After a warm-up, 500 further executions, streamed, failed and cut, grow the target by less than 1 MB."""
    target = start("--agents", "phase 0; first 0; token 0; tokens 4; provider every 7; cut every 11; html every 13")
    process = psutil.Process(target.process.pid)

    def many(count: int) -> None:
        for place in range(count):
            with contextlib.suppress(httpx.RemoteProtocolError):
                target.http.post("/api/agent/execute", json={**ASKED, "stream": place % 2 == 0}, timeout=20)

    many(200)
    before = process.memory_info().rss
    many(500)
    assert process.memory_info().rss - before < 1_000_000
    assert target.agents()["running"] == 0


def read_all(client: socket.socket) -> bytes:
    received = b""
    while piece := client.recv(65_536):
        received += piece
    return received
