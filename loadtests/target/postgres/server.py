"""One PostgreSQL server: made in a second, told to stop and start without waiting, gone with its directory.

The port lies below those the kernel gives to outgoing connections: a client that keeps trying a port of that range
while the server restarts ends up connected to itself.

Passwords are new at each start and cost one round of hashing, not 4,096: a random key needs no stretching, and a
hundred connections that come back after a restart must not cost the generator half a second.
"""

import contextlib
import random
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.target.postgres.home import new_home
from loadtests.target.postgres.programs import NoPostgres, Programs, find_programs, last_line

__all__ = ["ADMIN", "Server", "new_server"]

ADMIN = "postgres"
_HOST = "127.0.0.1"
_PORTS = range(15_432, 32_000)
_PORTS_TRIED = 20
_READY_WITHIN_S = 30.0
_STOP_WITHIN_S = 5.0
_LOOK_EVERY_S = 0.01
_SETTINGS: Mapping[str, str] = {
    "autovacuum_naptime": "10s",
    "checkpoint_timeout": "5min",
    "deadlock_timeout": "200ms",
    "dynamic_shared_memory_type": "mmap",
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": _HOST,
    "log_lock_waits": "on",
    "max_connections": "100",
    "max_wal_size": "512MB",
    "pg_stat_statements.track": "all",
    "scram_iterations": "1",
    "shared_preload_libraries": "pg_stat_statements",
    "track_io_timing": "on",
    "track_wal_io_timing": "on",
    "unix_socket_directories": "",
}


@dataclass
class Server:
    """A server in `home`; `port` and `password` hold from its making to its end, through restarts."""

    programs: Programs
    home: Path
    port: int
    password: str = field(repr=False)
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False, repr=False)

    def dsn(self, database: str, user: str = ADMIN) -> str:
        """The address of a database in it; all roles of ours have the same password."""
        return f"postgresql://{user}:{self.password}@{_HOST}:{self.port}/{database}"

    def begin(self) -> None:
        """Start its process; from the main thread, whose end would end it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.programs.command("postgres", "-D", str(self._data), "-p", str(self.port)),
                env=self.programs.environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def ready(self) -> bool:
        """Whether it answers by now; raises `NoPostgres` when it has ended instead."""
        if not self.running():
            raise NoPostgres(f"it did not start: {last_line(self.log.read_text(errors='replace'))}")
        with contextlib.suppress(OSError, IndexError):
            number, status = self._pid_file()
            return self.process is not None and number == self.process.pid and status == "ready"
        return False

    def end(self) -> None:
        """Tell it to close all sessions and stop, without waiting for them to end by themselves."""
        if self.process is not None and self.running():
            self.process.send_signal(signal.SIGINT)

    def running(self) -> bool:
        """Whether its process is there."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """End it as a power cut would, and wait until it is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def start(self) -> None:
        """Start it and wait until it answers; raises `NoPostgres` when it does not."""
        self.begin()
        waiting = time.monotonic()
        while not self.ready():
            if time.monotonic() - waiting > _READY_WITHIN_S:
                self.kill()
                raise NoPostgres(f"it was not ready within {_READY_WITHIN_S:.0f} s")
            time.sleep(_LOOK_EVERY_S)

    def stop(self) -> None:
        """End it and wait; the harder way when it takes too long."""
        if self.process is None:
            return
        for number in (signal.SIGINT, signal.SIGQUIT):
            self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_STOP_WITHIN_S)
                return
        self.kill()

    @property
    def log(self) -> Path:
        """What it has to say."""
        return self.home / "log"

    @property
    def _data(self) -> Path:
        return self.home / "data"

    def make(self) -> None:
        """Make its data directory; raises `NoPostgres` with initdb's own words."""
        self._data.mkdir(mode=0o700)
        key = self.home / "key"
        key.touch(mode=0o600)
        key.write_text(self.password)
        for path in (self._data, key):
            self.programs.give(path)
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        access = [f"--username={ADMIN}", f"--pwfile={key}", "--auth=scram-sha-256"]
        haste = ["--no-sync", "--no-instructions"]
        made = self.programs.run("initdb", "-D", str(self._data), *haste, *locale, *access, *settings)
        key.unlink()
        if made.returncode != 0:
            raise NoPostgres(f"initdb failed: {last_line(made.stdout)}")

    def _pid_file(self) -> tuple[int, str]:
        lines = (self._data / "postmaster.pid").read_text().splitlines()
        return int(lines[0]), lines[7].strip()


@contextlib.contextmanager
def new_server() -> Iterator[Server]:
    """A server that answers, for the length of the block; raises `NoPostgres` where none can run."""
    found = find_programs()
    with new_home() as home:
        server = Server(found.within(home), home, _free_port(), secrets.token_hex(16))
        try:
            server.make()
            server.start()
            yield server
        finally:
            server.stop()


def _free_port() -> int:
    for port in random.sample(_PORTS, _PORTS_TRIED):
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind((_HOST, port))
            return port
    raise NoPostgres(f"no free port from {_PORTS.start} to {_PORTS.stop - 1}")
