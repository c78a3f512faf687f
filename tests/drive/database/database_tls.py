"""TLS in front of a PostgreSQL that was built without: it answers the request for it and passes on what comes."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trustme

from loadtests.target.postgres.server import Server

_TLS_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"


class TlsFront:
    """A certificate for localhost, made by `authority`; `encrypted` counts the sessions."""

    def __init__(self, server: Server, folder: Path) -> None:
        maker = trustme.CA()
        self.authority = folder / "ca.pem"
        maker.cert_pem.write_to_path(str(self.authority))
        self.encrypted = 0
        self.port = 0
        self._behind = server
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        maker.issue_cert("localhost").configure_cert(self._context)

    def dsn(self, host: str) -> str:
        return self._behind.dsn("postgres").replace(f"127.0.0.1:{self._behind.port}", f"{host}:{self.port}")

    @contextmanager
    def serving(self) -> Iterator["TlsFront"]:
        """In a loop and a thread of its own."""
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(asyncio.start_server(self._met, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        yield self
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
            with suppress(asyncio.CancelledError):
                loop.run_until_complete(task)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await reader.readexactly(8) != _TLS_REQUEST:
                return
            writer.write(b"S")
            await writer.start_tls(self._context)
            self.encrypted += 1
            inner, outer = await asyncio.open_connection("127.0.0.1", self._behind.port)
            await asyncio.gather(_pass_on(reader, outer), _pass_on(inner, writer))
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
