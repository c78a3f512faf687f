"""A target with a database, as a user starts it: told of, asked, lost, and ended with the target."""

import asyncio
import http.client
import json
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from target_waiting import wait_until

from loadtests.target.users import threads_of


class Served:
    """A target with a database, and what it told."""

    def __init__(self, process: "subprocess.Popen[str]", ready: Path) -> None:
        self.process, self.ready = process, ready
        self.url, self.database = ready.read_text().split()

    def get(self, path: str, *, method: str = "GET", body: object = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=15)
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        reply = connection.getresponse()
        text = reply.read()
        connection.close()
        return reply.status, json.loads(text) if path != "/metrics" else text.decode()

    def postgres(self) -> psutil.Process:
        """The database server's first process."""
        (found,) = (child for child in psutil.Process(self.process.pid).children() if child.name() == "postgres")
        return found

    def home(self) -> Path:
        arguments = self.postgres().cmdline()
        return Path(arguments[arguments.index("-D") + 1]).parent


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A target with an embedded database of 100 users."""
    ready = tmp_path / "ready"
    command = [sys.executable, "-m", "loadtests", "target", "--port", "0", "--ready-file", str(ready)]
    process = subprocess.Popen(
        [*command, "--database", "embedded", "--database-users", "100"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None)
        yield Served(process, ready)
    finally:
        process.kill()
        process.communicate()


def test_database_is_told_asked_and_gone_after_a_clean_stop(served: Served) -> None:
    """Ready file for the user alone; probe, pool and threads are real; exit 0 leaves neither process nor directory."""
    assert stat.S_IMODE(served.ready.stat().st_mode) == 0o600
    status, told = served.get("/health/dependencies")
    assert (status, told["status"], told["database"]["status"]) == (200, "healthy", "healthy")
    assert told["database"]["latency_ms"] > 0
    assert told["database"]["pool"]["max"] == 10
    token = served.get("/api/auth/login", method="POST", body={"user_id": 42})[1]["token"]
    bearer = {"authorization": f"Bearer {token}"}
    known = [{"id": thread.id, "title": thread.title, "messages": thread.messages} for thread in threads_of(42)]
    assert served.get("/api/threads", **bearer)[1]["threads"] == known
    assert served.get("/api/threads/thread_42_1", **bearer) == (200, known[0])
    assert served.get("/api/threads/thread_41_1", **bearer)[0] == 404
    page = served.get("/metrics")[1]
    assert 'netra_database_connections_active{database="netra"} 0.0' in page
    assert 'netra_database_connections_max{database="netra"} 10.0' in page
    assert 'netra_database_query_duration_seconds_count{query_type="select"} 3.0' in page
    server, home = served.postgres(), served.home()
    served.process.send_signal(signal.SIGTERM)
    printed, errors = served.process.communicate(timeout=20)
    assert (served.process.returncode, errors) == (0, "")
    assert f"\ndatabase at {served.database}\n" in printed
    assert not server.is_running()
    assert not home.exists()


def test_runs_of_agents_are_stored_with_their_savings(served: Served) -> None:
    """Under the run id the client got; of a user the database does not have, counted as not stored."""
    asked = {"query": "reduce cost", "user_id": 42, "thread_id": "thread_42_1"}
    results = [served.get("/api/agent/execute", method="POST", body=asked)[1] for _ in range(2)]
    served.get("/api/agent/execute", method="POST", body={"query": "x", "user_id": 5_000})
    wait_until(lambda: served.get("/api/agent/queue-status")[1]["not_stored"] == 1)
    assert served.get("/api/agent/queue-status")[1]["stored"] == 2

    async def stored() -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(served.database)
        rows = await connection.fetch(
            "SELECT run_id, runs.user_id, thread_id, query, status, optimization, cents FROM agent_runs AS runs "
            "JOIN savings ON agent_run = id WHERE run_id = ANY($1) ORDER BY run_id",
            [result["run_id"] for result in results],
        )
        await connection.close()
        return [tuple(row) for row in rows]

    told = (42, "thread_42_1", "reduce cost", "completed", "cost_reduction", 852)
    assert asyncio.run(stored()) == [(result["run_id"], *told) for result in results]


def test_killed_database_server_is_a_state_of_the_target_not_its_end(served: Served) -> None:
    """Unavailable and degraded, 503 where it is needed, all else goes on; the stop is as clean as ever."""
    token = served.get("/api/auth/login", method="POST", body={"user_id": 42})[1]["token"]
    served.postgres().kill()
    wait_until(lambda: served.get("/health/dependencies")[1]["status"] == "degraded")
    told = served.get("/health/dependencies")[1]["database"]
    assert told["status"] == "unavailable"
    assert told["reason"]
    status, answer = served.get("/api/threads", authorization=f"Bearer {token}")
    assert status == 503
    assert answer["error"].startswith("the database does not answer: ")
    assert served.get("/health")[0] == 200
    served.process.send_signal(signal.SIGTERM)
    _, errors = served.process.communicate(timeout=20)
    assert (served.process.returncode, errors) == (0, "")


def test_target_that_is_stopped_while_it_makes_its_database_leaves_nothing() -> None:
    """SIGTERM before it is ready: an orderly exit all the same."""
    command = [sys.executable, "-m", "loadtests", "target", "--port", "0", "--database", "embedded"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        target = psutil.Process(process.pid)
        wait_until(lambda: any("initdb" in word for child in target.children() for word in child.cmdline()))
        (made,) = (Path(word).parent for word in target.children()[0].cmdline() if word.endswith("/data"))
        process.send_signal(signal.SIGTERM)
        printed, errors = process.communicate(timeout=20)
    assert (process.returncode, printed, errors) == (0, "", "")
    assert "loadtests-postgres" in str(made)
    assert not made.exists()


def test_database_that_cannot_be_reached_is_one_clear_line(tmp_path: Path) -> None:
    """Exit 5, where and why, without the password."""
    ended = subprocess.run(
        [sys.executable, "-m", "loadtests", "target", "--port", "0", "--database", "postgresql://me:pw@127.0.0.1:1/db"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (5, "")
    assert ended.stderr.startswith("loadtests: the target at postgresql://me:***@127.0.0.1:1/db cannot be reached: ")
    assert ended.stderr.count("\n") == 1
