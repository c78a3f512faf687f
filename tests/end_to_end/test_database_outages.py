"""Databases that go away or never come: what a run makes of it, and that no server is left behind."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from suite_commands import HTTP_PLAN, Finished, Running, wait_for, windows_on_disk

PLAN = """
version: 1
target: {{}}
scenarios:
  db:
    driver: database
    load: {{rate: 200/s, duration: {seconds}s, max_in_flight: 1000}}
    timeout: 4s
    database: {{pool: 10}}
    operations:
      - {{name: user, sql: "SELECT tier FROM users WHERE id = {{{{user}}}}", check: {{rows: 1}}}}
    data: {{user: {{random: 1..10000}}}}
    thresholds: [{thresholds}]
"""


def database_of(running: Running) -> psutil.Process:
    """The first process of the database server, once the load runs."""
    wait_for(lambda: windows_on_disk(running.directory) > 0, within_s=40)
    (found,) = (
        child
        for child in psutil.Process(running.process.pid).children(recursive=True)
        if child.name() == "postgres" and "-D" in child.cmdline()
    )
    return found


def home_of(server: psutil.Process) -> Path:
    words = server.cmdline()
    return Path(words[words.index("-D") + 1]).parent


def test_killed_server_is_a_result_and_not_a_crash(begin: Callable[..., Running]) -> None:
    """From then on every execution fails, by kind; the run goes to its end, is judged, and leaves nothing behind."""
    running = begin(PLAN.format(seconds=5, thresholds="errors < 1%"), "--embedded")
    server = database_of(running)
    home = home_of(server)
    server.kill()
    ended = running.wait()
    assert ended.code in (1, 3), ended.out + ended.err
    total = ended.scenario["total"]
    assert total["ok"] > 0
    assert total["failed"] > 0
    assert sum(total["failures"].values()) == total["failed"]
    assert sum(ended.scenario["connections"]["dropped"].values()) == 10
    assert "Traceback" not in ended.err
    assert not home.exists()


@pytest.mark.parametrize("victim", ["the command", "the target"])
def test_killed_processes_leave_no_server_behind(begin: Callable[..., Running], victim: str) -> None:
    """kill -9 of the command: the target notices and clears up. Of the target: its server ends by itself."""
    running = begin(PLAN.format(seconds=20, thresholds="errors < 1%"), "--embedded")
    server = database_of(running)
    home, target = home_of(server), server.parent()
    assert target is not None
    os.kill(running.process.pid if victim == "the command" else target.pid, signal.SIGKILL)
    wait_for(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)
    if victim == "the command":
        wait_for(lambda: not home.exists())


def test_machine_where_postgresql_cannot_run_is_told_and_the_files_database_is_taken(
    run: Callable[..., Finished], tmp_path: Path
) -> None:
    """Nothing can be made where the server would live: why, then that the plan's own address does not answer."""
    with no_room_for_a_server(tmp_path / "tmp"):
        plan = PLAN.format(seconds=2, thresholds="errors < 1%").replace(
            "target: {}", "target: {database: 'postgresql://me:secret@127.0.0.1:1/own'}"
        )
        ended = run(plan, "--embedded")
    assert ended.code == 5
    assert "serving without a database: PostgreSQL cannot run here: there is no place for it" in ended.err
    assert "127.0.0.1:1" in ended.err
    assert "secret" not in ended.err + ended.out


@contextmanager
def no_room_for_a_server(temporary: Path) -> Iterator[None]:
    """Temporary files go to `temporary`, where a plain file has the name of the directory of servers."""
    temporary.mkdir()
    (temporary / f"loadtests-postgres-{os.geteuid()}").touch()
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(temporary)
    try:
        yield
    finally:
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before


def test_pool_of_the_backend_can_be_judged_under_http_load(run: Callable[..., Finished]) -> None:
    """The threshold brings a database to the target, which shows its pool and its lock waits to who scrapes it."""
    plan = HTTP_PLAN.format(url="http://127.0.0.1:1", rate=100, seconds=4, thresholds="target pool < 80%")
    plan = plan.replace("GET /health", "GET /health/dependencies").replace("{status: 200}", "{contains: latency_ms}")
    ended = run(plan, "--embedded")
    (pool,) = ended.scenario["thresholds"]
    assert ended.scenario["total"]["failed"] == 0
    assert pool["samples"] >= 1
    assert pool["observed"] < 0.8
    assert ended.code in (0, 3), ended.out + ended.err
