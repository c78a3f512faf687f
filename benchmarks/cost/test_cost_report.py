"""What the report of a long run costs: an hour of twenty operations, read, judged and rendered in a process of its own.

CPU time, so that a neighbour does not count; the limits are those the suite promises for a machine like the one of
RESULTS.md.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.cost import hour

MOST_SECONDS = 3.0
MOST_MB = 300


def test_an_hour_of_twenty_operations_is_rendered_in_three_seconds(benchmark: Any, tmp_path: Path) -> None:
    """Reading, judging and rendering together, and all the memory the process ever had."""
    run = hour.write(tmp_path)

    def rendered() -> dict[str, Any]:
        command = [sys.executable, "-m", "benchmarks.cost.hour", str(run)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    tries = [rendered() for _ in range(2)]
    tries.append(benchmark.pedantic(rendered, rounds=1))
    best = min(tries, key=lambda found: sum(found["seconds"].values()))
    total = sum(best["seconds"].values())
    benchmark.extra_info |= {**best["seconds"], "CPU s": round(total, 2), "peak MB": best["peak_mb"]}
    assert total <= MOST_SECONDS
    assert best["peak_mb"] <= MOST_MB
