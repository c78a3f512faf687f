"""Comparisons with real builds, started by real commands."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from suite_commands import COMMAND, HTTP_PLAN, wait_for

from loadtests.cli.build import Address
from loadtests.result.rundir import read_run


def test_ctrl_c_between_builds_leaves_readable_runs_and_no_build_behind(tmp_path: Path) -> None:
    """The run under way is kept as interrupted, the build is gone, and the exit code says who ended it."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{found.getsockname()[1]}"
    (tmp_path / "plan.yaml").write_text(HTTP_PLAN.format(url=url, rate=50, seconds=30, thresholds="p99 < 2s"))
    start = f"{sys.executable} -m loadtests target --port {{port}} --law 1ms"
    options = ["-f", "plan.yaml", "-o", "made", "-k", "7"]
    process = subprocess.Popen(
        [*COMMAND, "compare", "--interleave", start, start, *options],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: any(path.stat().st_size > 500 for path in (tmp_path / "made").glob("*/windows.ndjson")))
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, said
    assert "interrupted in pair 1" in said
    (made,) = (path.parent for path in (tmp_path / "made").glob("*/run.json"))
    run = read_run(made)
    assert run.status == "interrupted"
    assert run.scenarios[0].windows
    assert not Address(url).is_taken()
