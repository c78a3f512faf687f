"""The embedded reference backend as a child process, for runs with `--embedded`."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from loadtests.errors import TargetUnreachable

__all__ = ["embedded_target"]

_READY_WITHIN_S = 15.0
_STOP_WITHIN_S = 5.0


@contextlib.contextmanager
def embedded_target(options: Sequence[str] = ()) -> Iterator[str]:
    """Serve the reference backend on a free loopback port for the length of the block; gives its base URL.

    `options` are further options of `loadtests target`, such as a fault dial.
    """
    with tempfile.TemporaryDirectory(prefix="loadtests-") as folder:
        ready = Path(folder) / "ready"
        command = [sys.executable, "-m", "loadtests", "target", "--port", "0", f"--with-parent={os.getpid()}"]
        process = subprocess.Popen([*command, "--ready-file", str(ready), *options], stdout=subprocess.DEVNULL)
        try:
            yield _await_ready(process, ready)
        finally:
            _end(process)


def _await_ready(process: "subprocess.Popen[bytes]", ready: Path) -> str:
    began = time.monotonic()
    while time.monotonic() - began < _READY_WITHIN_S:
        if ready.exists() and (url := ready.read_text().strip()):
            return url
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise TargetUnreachable("the embedded target", "its process did not start; `loadtests target` shows why")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
