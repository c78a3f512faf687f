"""A build under test that a command starts: it gets an address, is waited for, and is ended with all it started."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from loadtests.errors import TargetUnreachable, UsageError

__all__ = ["Address", "served"]

_ENDS_WITHIN_S = 10.0
_LAST_LINES = 5
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """Where builds serve, one after the other, and the path that answers once one is ready."""

    url: str
    ready: str = "/health"

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        if not parts.hostname:
            raise UsageError(f"expected an address such as http://127.0.0.1:8080 (got {self.url})")
        return parts.hostname, parts.port or _PORTS.get(parts.scheme, 80)

    def filled(self, command: str) -> str:
        """The command with {host}, {port} and {url} replaced."""
        host, port = self.place
        return command.replace("{host}", host).replace("{port}", str(port)).replace("{url}", self.url)

    def is_taken(self) -> bool:
        """Whether anything accepts connections there."""
        with contextlib.suppress(OSError), socket.create_connection(self.place, timeout=1.0):
            return True
        return False

    def is_ready(self) -> bool:
        """Whether the ready path is answered, and not by an error of the server."""
        with contextlib.suppress(httpx.HTTPError, OSError):
            return httpx.get(self.url.rstrip("/") + self.ready, timeout=2.0).status_code < 500
        return False


@contextlib.contextmanager
def served(command: str, address: Address, *, log: Path, within_s: float) -> Iterator[None]:
    """Serve a build at the address for the length of the block; its output goes to `log`.

    The command runs in a shell and a process group of its own, which is ended as a whole: first asked to, then killed.
    Raises `UsageError` when something answers there already, for that would be measured instead, and
    `TargetUnreachable` when the command ends, or does not answer in time.
    """
    if address.is_taken():
        raise UsageError(f"something answers at {address.url} already, and would be measured instead: end it first")
    host, port = address.place
    environ = {**os.environ, "HOST": host, "PORT": str(port)}
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", address.filled(command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environ,
            start_new_session=True,
        )
        try:
            _await_ready(process, address, log=log, within_s=within_s)
            yield
        finally:
            _end_group(process)
            _await_free(address)


def _await_ready(process: "subprocess.Popen[bytes]", address: Address, *, log: Path, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not address.is_ready():
        if process.poll() is not None:
            said = f"its command ended with {process.returncode} before it answered{_last_words(log)}"
            raise TargetUnreachable(address.url, said)
        if time.monotonic() > deadline:
            raise TargetUnreachable(
                address.url, f"{address.ready} was not answered in {within_s:g} s{_last_words(log)}"
            )
        time.sleep(0.05)


def _last_words(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-_LAST_LINES:]
    return f"; its last words: {' | '.join(lines)}" if lines else ""


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """The shell leads its group, so its id is the group's; what the command started may outlive the shell."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_ENDS_WITHIN_S)
    deadline = time.monotonic() + _ENDS_WITHIN_S
    while _lives(process.pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _await_free(address: Address) -> None:
    deadline = time.monotonic() + _ENDS_WITHIN_S
    while address.is_taken() and time.monotonic() < deadline:
        time.sleep(0.05)
