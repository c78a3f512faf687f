"""The target's client of an OpenAI-compatible provider: one completion, token by token, over connections kept alive.

A protocol on httptools, as 50 agents at 50 tokens a second are 2,500 wake-ups a second and a general client takes ten
times as long for each. Who leaves a completion before its end closes its connection, which ends it at the provider too.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httptools
import orjson

__all__ = ["Provider", "ProviderFailed", "Stream"]

_GATHER_LIMIT = 1_000
_IDLE_LIMIT = 1_000


class ProviderFailed(Exception):
    """The provider could not be reached, answered an error, or broke off."""


class Provider:
    """Completions from the provider at `address`; without one every completion fails."""

    def __init__(self, address: tuple[str, int] | None = None) -> None:
        self.address = address
        self._idle: list[Stream] = []

    @asynccontextmanager
    async def completion(self, asked: dict[str, object], *, trace_id: str, span_id: str) -> AsyncIterator["Stream"]:
        """The stream of a completion; raises `ProviderFailed` here or while its tokens are read."""
        stream = await self._stream()
        try:
            stream.ask(_request(asked, f"00-{trace_id}-{span_id}-01"))
            yield stream
        finally:
            if stream.reusable and len(self._idle) < _IDLE_LIMIT:
                self._idle.append(stream)
            else:
                stream.abort()

    def close(self) -> None:
        """Close the connections that are idle."""
        idle, self._idle = self._idle, []
        for stream in idle:
            stream.abort()

    async def _stream(self) -> "Stream":
        while self._idle:
            if (stream := self._idle.pop()).reusable:
                return stream
        if self.address is None:
            raise ProviderFailed("no provider is attached")
        try:
            _, stream = await asyncio.get_running_loop().create_connection(Stream, *self.address)
        except OSError as error:
            raise ProviderFailed(f"the provider cannot be reached: {error.strerror or error}") from error
        return stream


class Stream(asyncio.Protocol):
    """One connection to the provider, and the completion on it."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._wake: asyncio.Future[None] | None = None
        self._tokens: deque[str] = deque()
        self._rest = b""
        self._failure: str | None = None
        self._fresh()

    @property
    def reusable(self) -> bool:
        """Whether the connection is open and its last completion was read to the end."""
        return self._transport is not None and not self._transport.is_closing() and self._over and not self._tokens

    def ask(self, request: bytes) -> None:
        """Begin a completion."""
        assert self._transport is not None
        self._fresh()
        self._over = False
        self._transport.write(request)

    async def token(self) -> str | None:
        """The next token; None at the end. Raises `ProviderFailed`."""
        while not self._tokens:
            if self._failure is not None:
                raise ProviderFailed(self._failure)
            if self._over:
                return None
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        token = self._tokens.popleft()
        if self._paused and not self._tokens:
            self._pause(on=False)
        return token

    def abort(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    # The transport's side

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"the provider's answer is no HTTP: {error}")
        if len(self._tokens) > _GATHER_LIMIT and not self._paused:
            self._pause(on=True)
        self._notify()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._transport = None
        if not self._over:
            self._fail("the provider broke off")
        self._notify()

    # The parser's side

    def on_body(self, body: bytes) -> None:
        self._rest += body
        if self._parser.get_status_code() != 200:
            return
        *events, self._rest = self._rest.split(b"\n\n")
        for event in events:
            if event.startswith(b"data: ") and event != b"data: [DONE]":
                self._take(event[6:])

    def on_message_complete(self) -> None:
        self._over = True
        if (status := self._parser.get_status_code()) != 200:
            self._fail(f"the provider answered {status}")

    # Inside

    def _fresh(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._rest = b""
        self._over = True
        self._paused = False
        self._failure = None

    def _take(self, data: bytes) -> None:
        try:
            content = orjson.loads(data)["choices"][0]["delta"].get("content")
        except (ValueError, KeyError, TypeError, IndexError):
            self._fail("the provider sent an event that is no completion chunk")
            return
        if content:
            self._tokens.append(content)

    def _fail(self, reason: str) -> None:
        if self._failure is None:
            self._failure = reason

    def _notify(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None and not wake.done():
            wake.set_result(None)

    def _pause(self, *, on: bool) -> None:
        self._paused = on
        if self._transport is not None and not self._transport.is_closing():
            (self._transport.pause_reading if on else self._transport.resume_reading)()


def _request(asked: dict[str, object], traceparent: str) -> bytes:
    body = orjson.dumps(asked)
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: provider\r\ncontent-type: application/json\r\n"
        b"traceparent: %b\r\ncontent-length: %d\r\n\r\n%b" % (traceparent.encode(), len(body), body)
    )
