"""Where a DSN leads, and connecting there: asyncpg makes the session (TLS, authentication), then hands it over.

The host of the DSN must be allowed; the addresses it resolves to are what is connected to. `sslmode` means what it
means to libpq; with `verify-ca` and `verify-full` the plan's `target.tls` names the authorities.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from loadtests.drive.allow import permitted
from loadtests.drive.drivers.tls import tls_context
from loadtests.plan.model import Target, Tls

__all__ = ["Address", "Dialler", "Session"]

_PORT = 5432


@dataclass(frozen=True, slots=True)
class Address:
    """A server and a database on it. `host` is a name, an address, or the directory of a Unix socket."""

    dsn: str
    host: str
    port: int
    database: str
    sslmode: str

    @classmethod
    def of(cls, dsn: str) -> Self:
        """The address in a DSN that the plan found well-formed."""
        parts = urlsplit(dsn)
        asked = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        host = unquote(parts.hostname or "") or asked.get("host", "localhost")
        port = parts.port or int(asked.get("port", _PORT))
        database = unquote(parts.path.removeprefix("/")) or asked.get("dbname") or asked.get("database", "")
        return cls(dsn, host, port, database, asked.get("sslmode", "prefer"))

    @property
    def is_socket(self) -> bool:
        """Whether this is a Unix socket, which is on this machine."""
        return self.host.startswith("/")

    def __str__(self) -> str:
        """Without user and password."""
        place = f"{self.host}/.s.PGSQL.{self.port}" if self.is_socket else f"{self.host}:{self.port}"
        return f"{place} (database {self.database})" if self.database else place


class Session(asyncpg.Connection):  # type: ignore[misc]
    """A connection of asyncpg that can be handed over to a protocol of our own."""

    def hand_over(self, protocol: asyncio.Protocol) -> tuple[Any, int, int]:
        """The transport, which from now on talks to `protocol`, and the session's process and secret (to cancel).

        asyncpg takes the connection for closed afterwards.
        """
        transport, own = self._transport, self._protocol
        self._aborted = True
        transport.set_protocol(protocol)
        return transport, own.backend_pid, own.backend_secret


class Dialler:
    """Makes sessions at one address. `settings` are set on each."""

    def __init__(self, address: Address, hosts: list[str], *, tls: Tls, settings: Mapping[str, str]) -> None:
        self.address, self._hosts, self._settings = address, hosts, dict(settings)
        self._tls = _verifying(address, tls)

    @classmethod
    async def permitted(cls, target: Target, settings: Mapping[str, str]) -> Self:
        """A dialler for the target's database; raises `HostNotAllowed`, `TargetUnreachable`, and `UsageError` for TLS
        files that cannot be used."""
        assert target.database is not None
        address = Address.of(target.database)
        hosts = [address.host] if address.is_socket else await permitted(f"//{_bracketed(address.host)}", target)
        return cls(address, hosts, tls=target.tls, settings=settings)

    async def dial(self, timeout_s: float) -> Session:
        """A new session; raises `OSError` (also `TimeoutError`), `asyncpg.PostgresError`, `asyncpg.InterfaceError`."""
        session: Session = await asyncpg.connect(
            self.address.dsn,
            host=self._hosts,
            port=self.address.port,
            ssl=self._tls,
            timeout=timeout_s,
            statement_cache_size=0,
            server_settings={"application_name": "loadtests", **self._settings},
            connection_class=Session,
        )
        return session

    async def send(self, payload: bytes, timeout_s: float) -> None:
        """Send something over a connection of its own and wait for the server to close it; raises `OSError`."""
        async with asyncio.timeout(timeout_s):
            reader, writer = await self._streams()
            try:
                writer.write(payload)
                await reader.read()
            finally:
                writer.close()

    async def _streams(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """At the first address that answers, as sessions are."""
        failure = OSError("no address")
        for host in self._hosts:
            try:
                if self.address.is_socket:
                    return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{self.address.port}")
                return await asyncio.open_connection(host, self.address.port)
            except OSError as error:
                failure = error
        raise failure


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _verifying(address: Address, tls: Tls) -> ssl.SSLContext | None:
    """A context that verifies the certificate, for the name in the DSN; `None` leaves TLS to `sslmode`."""
    if address.sslmode not in ("verify-ca", "verify-full") and tls == Tls():
        return None
    context = tls_context(tls)
    context.set_alpn_protocols(["postgresql"])
    if address.sslmode != "verify-full":
        context.check_hostname = False
    # asyncpg would verify the address that is connected to, which is what the name resolved to
    named = partial(context.wrap_bio, server_hostname=address.host)
    context.wrap_bio = lambda incoming, outgoing, **_: named(incoming, outgoing)  # type: ignore[method-assign]
    return context
