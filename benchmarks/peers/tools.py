"""The peers: how each is found, and how each is told to do the same closed-loop work. A row per tool."""

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

__all__ = ["PEERS", "Peer"]

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Peer:
    """`command(url, connections, seconds)` makes the tool send that long; `version` is `None` when it is not there."""

    name: str
    command: Callable[[str, int, int], Sequence[str]]
    version: Callable[[], str | None]


def _wrk(url: str, connections: int, seconds: int) -> Sequence[str]:
    return ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url]


def _hey(url: str, connections: int, seconds: int) -> Sequence[str]:
    return ["hey", "-z", f"{seconds}s", "-c", str(connections), "-cpus", "1", url]


def _autocannon(url: str, connections: int, seconds: int) -> Sequence[str]:
    return ["autocannon", "-c", str(connections), "-d", str(seconds), "--no-progress", url]


def _k6(url: str, connections: int, seconds: int) -> Sequence[str]:
    options = ["--vus", str(connections), "--duration", f"{seconds}s", "--quiet", "--no-usage-report"]
    return ["k6", "run", *options, "-e", f"URL={url}", str(_HERE / "k6.js")]


def _locust(url: str, connections: int, seconds: int) -> Sequence[str]:
    host, _, path = url.partition("://")[2].partition("/")
    shape = ["-u", str(connections), "-r", str(connections), "-t", f"{seconds}s"]
    file = str(_HERE / "locustfile.py")
    quiet = ["--headless", "--only-summary", "--loglevel", "ERROR"]
    return [sys.executable, "-m", "locust", "-f", file, *quiet, *shape, "--host", f"http://{host}", f"--path=/{path}"]


def _on_path(program: str, *arguments: str) -> Callable[[], str | None]:
    """The first version number that `program arguments` prints, or a question mark when it prints none."""

    def version() -> str | None:
        if shutil.which(program) is None:
            return None
        if not arguments:
            return "?"
        said = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=20, check=False)
        found = re.search(r"\d+\.\d+(\.\d+)?", said.stdout + said.stderr)
        return found[0] if found else "?"

    return version


def _importable(package: str) -> Callable[[], str | None]:
    return lambda: metadata.version(package) if importlib.util.find_spec(package) is not None else None


PEERS = (
    Peer("wrk", _wrk, _on_path("wrk", "-v")),
    Peer("autocannon", _autocannon, _on_path("autocannon", "--version")),
    Peer("hey", _hey, _on_path("hey")),
    Peer("k6", _k6, _on_path("k6", "version")),
    Peer("Locust FastHttpUser", _locust, _importable("locust")),
)
