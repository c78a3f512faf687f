"""The directory a server lives in, owned for as long as the process that made it lives.

    <temporary directory>/loadtests-postgres-<uid>/<name>/    one server: data, log, copies of programs

Who made it holds a lock on it, which the kernel lets go of however that process ends. So a directory nobody holds is
left over, and whoever makes the next one ends what still runs in it and removes it.
"""

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from loadtests.target.postgres.programs import NoPostgres

__all__ = ["new_home"]

_PREFIX = "loadtests-postgres"
_END_WITHIN_S = 5.0
_REMOVE = 0
"""IPC_RMID."""
_TRAVERSABLE = 0o711
"""Others (nobody, when root started it) must get through to their own, without seeing what is there."""


@contextlib.contextmanager
def new_home() -> Iterator[Path]:
    """A new directory, removed at the end of the block; what dead owners left behind is removed before."""
    above = _above()
    with _locked(above):
        for left in above.iterdir():
            _remove_unowned(left)
        home = Path(tempfile.mkdtemp(dir=above, prefix="server-"))
        owner = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(owner, fcntl.LOCK_EX)
    home.chmod(_TRAVERSABLE)
    try:
        yield home
    finally:
        _remove(home)
        os.close(owner)


def _above() -> Path:
    above = Path(tempfile.gettempdir()) / f"{_PREFIX}-{os.geteuid()}"
    try:
        above.mkdir(exist_ok=True)
        found = above.lstat()
    except OSError as error:
        raise NoPostgres(f"there is no place for it in {above.parent}: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise NoPostgres(f"{above} belongs to somebody else")
    above.chmod(_TRAVERSABLE)
    return above


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One at a time makes a directory or clears up; waits for its turn."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_unowned(home: Path) -> None:
    try:
        descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _end_server(home)
        _remove(home)
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)


def _remove(home: Path) -> None:
    """Remove the directory, and the shared memory (56 bytes) of a server that was killed: its file still names it."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        key, segment = map(int, _pid_file(home)[6].split())
        system_v = ctypes.CDLL(None)
        if system_v.shmget(key, 0, 0) == segment:
            system_v.shmctl(segment, _REMOVE, None)
    shutil.rmtree(home, ignore_errors=True)


def _pid_file(home: Path) -> list[str]:
    return (home / "data" / "postmaster.pid").read_text().splitlines()


def _end_server(home: Path) -> None:
    """End what still serves this directory: told apart from a process that got its number later by its command."""
    with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
        server = psutil.Process(int(_pid_file(home)[0]))
        if str(home / "data") not in server.cmdline():
            return
        server.send_signal(signal.SIGQUIT)
        try:
            server.wait(_END_WITHIN_S)
        except psutil.TimeoutExpired:
            server.kill()
            server.wait(_END_WITHIN_S)
