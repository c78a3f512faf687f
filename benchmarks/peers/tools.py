"""The peers: how each is found, and how each is told to do the same work. A row per tool."""

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path

__all__ = ["PEERS", "Peer", "paced_peers"]

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


def _ab(url: str, connections: int, seconds: int) -> Sequence[str]:
    more_than_it_can = seconds * 1_000_000
    return ["ab", "-k", "-q", "-c", str(connections), "-t", str(seconds), "-n", str(more_than_it_can), url]


def _k6(url: str, connections: int, seconds: int) -> Sequence[str]:
    options = ["--vus", str(connections), "--duration", f"{seconds}s", "--quiet", "--no-usage-report"]
    return ["k6", "run", *options, "-e", f"URL={url}", str(_HERE / "k6.js")]


def _uvloop(url: str, connections: int, seconds: int, *options: str) -> Sequence[str]:
    return [sys.executable, "-m", "benchmarks.peers.uvloop_loop", url, str(connections), str(seconds), *options]


def _uvloop_parsed(url: str, connections: int, seconds: int) -> Sequence[str]:
    return _uvloop(url, connections, seconds, "--parsed")


def _uvloop_paced(url: str, connections: int, seconds: int, *, rate: float) -> Sequence[str]:
    return _uvloop(url, connections, seconds, f"{rate:g}")


def _locust(url: str, connections: int, seconds: int) -> Sequence[str]:
    host, _, path = url.partition("://")[2].partition("/")
    shape = ["-u", str(connections), "-r", str(connections), "-t", f"{seconds}s"]
    file = str(_HERE / "locustfile.py")
    quiet = ["--headless", "--only-summary", "--loglevel", "ERROR"]
    return [sys.executable, "-m", "locust", "-f", file, *quiet, *shape, "--host", f"http://{host}", f"--path=/{path}"]


def _h2load(url: str, connections: int, seconds: int, *, rate: float) -> Sequence[str]:
    work = ["--h1", "-t1", f"-c{connections}", "-m1", f"-D{seconds}"]
    return ["h2load", *work, f"--rps={rate / connections:g}", url]


def _wrk2(url: str, connections: int, seconds: int, *, rate: float) -> Sequence[str]:
    return ["wrk2", "-t1", f"-c{connections}", f"-d{seconds}s", f"-R{rate:.0f}", url]


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
    Peer("ab", _ab, _on_path("ab", "-V")),
    Peer("k6", _k6, _on_path("k6", "version")),
    Peer("Locust FastHttpUser", _locust, _importable("locust")),
    Peer("a bare loop, httptools", _uvloop_parsed, _importable("uvloop")),
    Peer("a bare loop, unread", _uvloop, _importable("uvloop")),
)


def paced_peers(rate: float) -> tuple[Peer, ...]:
    """Those that can keep to `rate` requests a second, over all their connections."""
    return (
        Peer("h2load", partial(_h2load, rate=rate), _on_path("h2load", "--version")),
        Peer("wrk2", partial(_wrk2, rate=rate), _on_path("wrk2", "-v")),
        Peer("a bare loop", partial(_uvloop_paced, rate=rate), _importable("uvloop")),
    )
