"""The database profile as a user runs it, against the embedded target and its PostgreSQL."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def run(folder: Path, *options: str) -> tuple[dict[str, Any], "subprocess.CompletedProcess[str]"]:
    """The scenario of the report, and how the command ended."""
    flags = ["--queries-per-second", "200", "--duration", "6", "--embedded", "-o", str(folder / "run")]
    ended = subprocess.run(
        [sys.executable, "-m", "loadtests.profiles.database", *flags, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert (folder / "run" / "report.json").exists(), ended.stdout + ended.stderr
    return json.loads((folder / "run" / "report.json").read_text())["scenarios"][0], ended


def verdict_of(report: dict[str, Any], text: str) -> str:
    return next(one["verdict"] for one in report["thresholds"] if one["text"].startswith(text))


@pytest.mark.timeout(90)
def test_a_lock_of_a_second_is_seen_timed_and_laid_at_its_holders_door(tmp_path: Path) -> None:
    """Every connection waited behind it; the mean wait misses the guide's 50 ms."""
    report, ended = run(tmp_path, "--target-option=--database-faults=lock users 1s at 4s")
    found = report["database"]
    assert found["lock_waits"]["waits"] > 0, ended.stdout
    assert 700 < found["lock_waits"]["max_ms"] < 1500
    assert found["blockers"][0]["what"] == "users"
    late = [reason for reason in report["health"]["reasons"] if reason.startswith("the generator")]
    assert ended.returncode == (3 if late else 1), ended.stdout + ended.stderr
    assert late or verdict_of(report, "target lock wait") == "fail"


@pytest.mark.timeout(90)
def test_a_healthy_database_is_asked_about_itself(tmp_path: Path) -> None:
    """Sessions, transactions, statements; the password is in none of the files."""
    report, ended = run(tmp_path)
    found = report["database"]
    assert found["asked"], ended.stdout
    assert found["commits"] > 500
    assert found["sessions_of_max"]["max"] >= 0.2
    assert any("FROM users" in one["query"] for one in found["statements"])
    assert not report["total"]["failures"]
    assert report["connections"]["established"] == 20
    stored = json.loads((tmp_path / "run" / "run.json").read_text())["plan"]["target"]["database"]
    assert stored.startswith("postgresql://")
    assert ":***@" in stored
