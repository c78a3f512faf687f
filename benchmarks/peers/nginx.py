"""The server all tools are put before: nginx, one process on one core, a small static answer, and its own count."""

import http.client
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers.ours import Work
from benchmarks.pinning import pinned
from loadtests.errors import GeneratorFault

__all__ = ["ANSWER", "WORK", "Nginx", "nginx_found", "serving"]

WORK = "/hello"
_UNLIKE = "/unlike"
ANSWER = '{"status": "completed", "answer": 42}'
_STARTS_WITHIN_S = 10.0

_CONFIG = """
daemon off;
master_process off;
worker_rlimit_nofile 16384;
pid {here}/nginx.pid;
error_log {here}/error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_body_temp_path {here}; proxy_temp_path {here}; fastcgi_temp_path {here};
    uwsgi_temp_path {here}; scgi_temp_path {here};
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = {work} {{ default_type application/json; return 200 '{answer}'; }}
        location = {unlike} {{
            default_type application/json; return 200 '{{"id": "$request_id", "status": "completed", "answer": 42}}';
        }}
        location = /count {{ stub_status; }}
    }}
}}
"""


def nginx_found() -> str | None:
    """Where nginx is; Debian keeps it off the path of ordinary users."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")


class Nginx:
    """A running server. `requests` is how many it has served, without our own looks at the count."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._looks = 0
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)

    @property
    def url(self) -> str:
        """Where the work is."""
        return f"http://127.0.0.1:{self.port}{WORK}"

    @property
    def work(self) -> Work:
        """The same as our plan has it, and more: two operations by weight, a variable in the path."""
        return self._work(WORK, {"sequence": "1..10000"})

    @property
    def unlike(self) -> Work:
        """As `work`, but no two answers alike and hardly two requests: nothing to be remembered."""
        return self._work(_UNLIKE, {"random": "1..1000000000"})

    def _work(self, path: str, user: Mapping[str, str]) -> Work:
        check = {"status": 200, "contains": "42"}
        operations = [
            {"name": "often", "weight": 3, "request": f"GET {path}?user={{{{user}}}}", "check": check},
            {"name": "seldom", "weight": 1, "request": f"GET {path}", "check": check},
        ]
        scenario = {"driver": "http", "operations": operations, "data": {"user": user}}
        return Work({"http": f"http://127.0.0.1:{self.port}"}, scenario)

    def requests(self) -> int:
        """Requests for the work so far, by the server's own count."""
        self._looks += 1
        self._line.request("GET", "/count")
        text = self._line.getresponse().read().decode()
        return int(text.splitlines()[2].split()[2]) - self._looks


@contextmanager
def serving(core: int) -> Iterator[Nginx]:
    """An nginx pinned to `core` for the length of the block."""
    program = nginx_found()
    if program is None:
        raise GeneratorFault("nginx is not installed; on Debian: apt-get install nginx-light")
    with tempfile.TemporaryDirectory(prefix="peers-nginx-") as scratch:
        port = _free_port()
        config = Path(scratch) / "nginx.conf"
        config.write_text(_CONFIG.format(here=scratch, port=port, work=WORK, unlike=_UNLIKE, answer=ANSWER))
        command = [program, "-p", scratch, "-e", f"{scratch}/error.log", "-c", str(config)]
        with subprocess.Popen(command, preexec_fn=pinned(core), stderr=subprocess.DEVNULL) as process:
            try:
                _wait_for(port, process, Path(scratch) / "error.log")
                yield Nginx(port)
            finally:
                process.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    said = log.read_text() if log.exists() else ""
    raise GeneratorFault(f"nginx did not start: {said.strip() or 'it says nothing'}")
