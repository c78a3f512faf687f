"""The suite's own command, as the benchmarks call it."""

import sys
from pathlib import Path

__all__ = ["run_command"]


def run_command(here: Path, *options: str) -> list[str]:
    """`loadtests run` of `plan.yaml` in `here` into `run` beside it, kept out of the history."""
    where = ["-f", str(here / "plan.yaml"), "-o", str(here / "run"), "--no-history"]
    return [sys.executable, "-m", "loadtests", "run", *where, *options]
