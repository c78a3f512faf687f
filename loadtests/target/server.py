"""The process around the edge: one port, one loop (uvloop, httptools), an honest start and a quick stop.

Start: the port is bound before anything else, so a taken port is one clear line; the readiness line and file appear
when connections are accepted. Stop: SIGTERM or SIGINT ends requests in flight within a second and idle
connections at once. With a parent to follow, the process ends when that parent is gone, however it died.
"""

import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from loadtests.errors import UsageError
from loadtests.target.app import RESET_EXTENSION, Edge
from loadtests.target.backend import new_backend
from loadtests.target.faults import NO_FAULTS, Faults
from loadtests.target.logs import Category, Log, ServerErrors, open_log

__all__ = ["Serving", "serve"]

_BACKLOG = 4096
_FILES = 65_536
_KEEP_ALIVE_S = 75
_STOP_WITHIN_S = 1
_TICK_S = 0.25
_LINGER_ZERO = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Serving:
    """How to serve: `port` 0 takes a free one, `log` is `off`, `-` or a file, `parent` the pid to live and die with."""

    host: str = "127.0.0.1"
    port: int = 8080
    faults: Faults = NO_FAULTS
    log: str = "off"
    ready_file: Path | None = None
    parent: int | None = None


def serve(serving: Serving) -> None:
    """Serve until told to stop; raises `UsageError` when the port or the log cannot be had."""
    listener = _listen(serving.host, serving.port)
    with contextlib.closing(listener), contextlib.closing(open_log(serving.log)) as log, _server_errors(log):
        _raise_file_limit()
        uvloop.run(_Server(_config(serving, log), serving, log).serve(sockets=[listener]))


def _config(serving: Serving, log: Log) -> uvicorn.Config:
    return uvicorn.Config(
        Edge(new_backend(serving.faults, log=log)),
        http=_Protocol,
        ws="none",
        loop="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_STOP_WITHIN_S,
    )


class _Protocol(HttpToolsProtocol):
    """uvicorn's own protocol, whose scope also carries a way to reset the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._extensions: dict[str, Any] = {RESET_EXTENSION: self._reset}

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._extensions = {}

    def _reset(self) -> None:
        """Close with a lingering time of zero: the kernel drops what is unsent and sends RST instead of FIN."""
        if self.transport.is_closing():
            return
        with socket.socket(fileno=os.dup(self.transport.get_extra_info("socket").fileno())) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.cycle.disconnected = True
        self.transport.abort()


class _Server(uvicorn.Server):
    """uvicorn's server, which tells when it is ready, follows a parent, and ends with exit code 0 on a signal."""

    def __init__(self, config: uvicorn.Config, serving: Serving, log: Log) -> None:
        super().__init__(config)
        self._serving = serving
        self._log = log
        self._chores: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Only note the signal: uvicorn would raise it again after the stop, and the exit code would say killed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets is not None
        self._announce(_url(sockets[0]))
        self._chores = asyncio.create_task(self._tick())
        gc.collect()
        gc.freeze()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._chores is not None:
            self._chores.cancel()
        self._log.event(Category.SYSTEM, "service stopping", component="server")
        _uvicorn_log().handlers[:] = [logging.NullHandler()]
        await super().shutdown(sockets)

    def _announce(self, url: str) -> None:
        self._log.event(
            Category.SYSTEM, "service started", component="server", metadata={"url": url, "pid": os.getpid()}
        )
        self._log.flush()
        if self._serving.ready_file is not None:
            _write_ready(self._serving.ready_file, url)
        with contextlib.suppress(BrokenPipeError):
            print(f"listening on {url}", flush=True)

    async def _tick(self) -> None:
        """Write the log out, and end when the parent to follow is no longer the parent."""
        parent = self._serving.parent
        while True:
            if parent is not None and os.getppid() != parent:
                self.should_exit = True
            await asyncio.sleep(_TICK_S)
            self._log.flush()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host} port {port}: {(error.strerror or str(error)).lower()}; "
            "choose another --port (0 takes any free one) or stop what listens there"
        ) from error
    return listener


def _write_ready(path: Path, url: str) -> None:
    """Written beside and renamed, so that whoever sees the file sees the whole URL."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        beside.write_text(f"{url}\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write the ready file {path}: {error.strerror}; give --ready-file another") from error


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _raise_file_limit() -> None:
    """A thousand clients need a thousand descriptors; the soft limit is often 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _uvicorn_log() -> logging.Logger:
    return logging.getLogger("uvicorn.error")


@contextlib.contextmanager
def _server_errors(log: Log) -> Iterator[None]:
    """While it lasts, what uvicorn reports goes into the structured log and nowhere else."""
    logger = _uvicorn_log()
    logger.handlers[:] = [ServerErrors(log)]
    logger.propagate = False
    try:
        yield
    finally:
        logger.handlers[:] = []
        logger.propagate = True
