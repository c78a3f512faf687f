"""The WebSocket profile as a user runs it, against the embedded target."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("sentence", "dial", "code", "counts"),
    [
        ("an honest target passes", None, 0, (300, 0, 0)),
        ("one connection in 20 dropped fails the guide's 1%", "drop 5% after 1s", 1, (300, 0, 15)),
        ("one upgrade in 20 refused fails the guide's 1%", "refuse 5%", 1, (285, 15, 0)),
    ],
)
def test_the_guides_command(
    tmp_path: Path, sentence: str, dial: str | None, code: int, counts: tuple[int, int, int]
) -> None:
    """Counts hold on any machine; the verdict does unless the suite calls its own side too late."""
    options = [] if dial is None else [f"--target-option=--sockets={dial}"]
    flags = ["--connections", "300", "--duration", "6", "--embedded", "-o", str(tmp_path / "run"), *options]
    ended = subprocess.run(
        [sys.executable, "-m", "loadtests.profiles.websocket", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    report = json.loads((tmp_path / "run" / "report.json").read_text())["scenarios"][0]
    found = report["connections"]
    lost = sum(found["dropped"].values())
    assert (found["established"], sum(found["failed"].values()), lost) == counts, ended.stdout
    late = [reason for reason in report["health"]["reasons"] if reason.startswith("the generator")]
    assert ended.returncode == (3 if late else code), ended.stdout + ended.stderr
    assert (tmp_path / "run" / "report.html").stat().st_size > 1000
