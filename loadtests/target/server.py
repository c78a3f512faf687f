"""The process around the edge: one port, one loop (uvloop, httptools), an honest start and a quick stop.

Start: the port is bound before anything else, so a taken port is one clear line; the readiness line and file appear
when connections are accepted. Stop: SIGTERM or SIGINT ends requests in flight within a second, idle connections at
once, and sockets with close code 1001. With a parent to follow, the process ends when that parent is gone, however it
died.
"""

import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from loadtests.errors import UsageError
from loadtests.target.agents.responses import CUT_EXTENSION
from loadtests.target.agents.service import CAPACITY, WORKERS
from loadtests.target.app import RESET_EXTENSION, Edge
from loadtests.target.backend import new_backend, turn_dial
from loadtests.target.faults import NO_FAULTS, Faults
from loadtests.target.logs import Category, Log, ServerErrors, open_log
from loadtests.target.postgres.attached import NONE, Attachment, attached
from loadtests.target.provider.process import ProviderProcess
from loadtests.target.sockets.room import PATH
from loadtests.target.transports import reset

__all__ = ["Serving", "serve"]

_BACKLOG = 4096
_FILES = 65_536
_KEEP_ALIVE_S = 75
_STOP_WITHIN_S = 1
_TICK_S = 0.25
_SOCKETS = PATH.encode()


@dataclass(frozen=True, slots=True)
class Serving:
    """How to serve: `port` 0 takes a free one, `log` is `off`, `-` or a file, `parent` the pid to live and die with.

    `database` is `off`, `embedded` or an address; `users` is how many it is filled with.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    faults: Faults = NO_FAULTS
    log: str = "off"
    ready_file: Path | None = None
    parent: int | None = None
    database: str = NONE
    users: int | None = None
    workers: int = WORKERS
    capacity: int = CAPACITY


def serve(serving: Serving) -> None:
    """Serve until told to stop; raises `UsageError` when the port or the log cannot be had."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(_ending_in_order())
        listener = stack.enter_context(contextlib.closing(_listen(serving.host, serving.port)))
        log = stack.enter_context(contextlib.closing(open_log(serving.log)))
        stack.enter_context(_server_errors(log))
        _raise_file_limit()
        database = stack.enter_context(attached(serving.database, users=serving.users))
        provider = stack.enter_context(contextlib.closing(ProviderProcess()))
        uvloop.run(_serve(serving, listener, log, provider, database))


async def _serve(
    serving: Serving, listener: socket.socket, log: Log, provider: ProviderProcess, database: Attachment | None
) -> None:
    backend = new_backend(log=log, attached=database, workers=serving.workers, capacity=serving.capacity)
    backend.agents.provider.address = await provider.address()
    edge = Edge(backend)
    await _Server(_config(edge), serving, edge, database).serve(sockets=[listener])


@contextlib.contextmanager
def _ending_in_order() -> Iterator[None]:
    """While no loop runs, SIGTERM is an exit like any other: what was started is ended."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _config(edge: Edge) -> uvicorn.Config:
    return uvicorn.Config(
        edge,
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
    """uvicorn's own protocol, whose scope also carries a way to reset the connection; hands sockets over.

    uvicorn would run a task and a queue per socket; `sockets` reads the transport itself.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._extensions: dict[str, Any] = {RESET_EXTENSION: self._reset, CUT_EXTENSION: self._cut}

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions
        self._upgrades: bool | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._extensions = {}

    def _should_upgrade_to_ws(self) -> bool:
        return True

    def _should_upgrade(self) -> bool:
        """Only a GET of the sockets' path; any other request that offers an upgrade is answered as if it did not."""
        if self._upgrades is None:
            path: bytes = self.url.partition(b"?")[0]
            self._upgrades = path == _SOCKETS and self.scope["method"] == "GET" and super()._should_upgrade()
        return self._upgrades

    def handle_websocket_upgrade(self) -> None:
        """Hand the transport over, and break the cycle with the parser so that this object goes at once."""
        assert isinstance(self.app, Edge)
        upgraded = self.app.sockets.upgrade(self.transport, self.url, self.headers)
        if upgraded is None:
            return
        self.connections.discard(self)
        self._extensions = {}
        self.parser = None  # type: ignore[assignment]
        self.transport.set_protocol(upgraded)
        self.app.sockets.opened(upgraded)

    def _reset(self) -> None:
        self.cycle.disconnected = True
        reset(self.transport)

    def _cut(self) -> None:
        self.cycle.disconnected = True
        self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn's server, which tells when it is ready, follows a parent, and ends with exit code 0 on a signal."""

    def __init__(self, config: uvicorn.Config, serving: Serving, edge: Edge, database: Attachment | None) -> None:
        super().__init__(config)
        self._serving = serving
        self._attached = database
        self._backend = edge.backend
        self._sockets = edge.sockets
        self._agents = edge.backend.agents
        self._archive = self._agents.ledger.archive
        self._log = edge.backend.log
        self._chores: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Only note the signal: uvicorn would raise it again after the stop, and the exit code would say killed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._backend.database is not None:
            await self._backend.database.open()
        if self._archive is not None:
            self._archive.open()
        await self._turn_dial()
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
        self._agents.stop()
        await asyncio.gather(super().shutdown(sockets), self._sockets.stop())
        if self._archive is not None:
            await self._archive.close()
        if self._backend.database is not None:
            await self._backend.database.close()

    async def _turn_dial(self) -> None:
        try:
            await turn_dial(self._backend, self._serving.faults)
        except ValueError as mistake:
            raise UsageError(f"--database-faults: {mistake}") from mistake

    def _announce(self, url: str) -> None:
        self._log.event(
            Category.SYSTEM, "service started", component="server", metadata={"url": url, "pid": os.getpid()}
        )
        self._log.flush()
        if self._serving.ready_file is not None:
            _write_ready(self._serving.ready_file, url, None if self._attached is None else self._attached.dsn)
        with contextlib.suppress(BrokenPipeError):
            print(f"listening on {url}", flush=True)
            if self._attached is not None:
                print(f"database at {self._attached.shown}", flush=True)

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


def _write_ready(path: Path, url: str, database: str | None) -> None:
    """The URL and, with a database, its address on a second line; for no other user, as it holds a password.

    Written beside and renamed, so that whoever sees the file sees the whole of it.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        beside.touch(mode=0o600)
        beside.write_text("".join(f"{line}\n" for line in (url, database) if line is not None), encoding="utf-8")
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
