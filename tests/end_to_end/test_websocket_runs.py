"""The WebSocket profile as a user runs it, against the embedded target."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("sentence", "dial", "code", "why"),
    [
        ("an honest target passes", None, 0, None),
        ("one connection in 20 dropped fails the guide's 1%", "drop 5% after 1s", 1, "drops"),
        ("one upgrade in 20 refused fails the guide's 1%", "refuse 5%", 1, "connect failures"),
    ],
)
def test_the_guides_command(tmp_path: Path, sentence: str, dial: str | None, code: int, why: str | None) -> None:
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
    assert ended.returncode == code, ended.stdout + ended.stderr
    report = json.loads((tmp_path / "run" / "report.json").read_text())["scenarios"][0]
    verdicts = {one["text"]: one["verdict"] for one in report["thresholds"]}
    assert report["connections"]["attempts"] == 300
    failed = [text for text, verdict in verdicts.items() if verdict == "fail"]
    assert not failed if why is None else any(text.startswith(why) for text in failed)
    assert (tmp_path / "run" / "report.html").stat().st_size > 1000
