"""The stub provider's server: POST /v1/chat/completions, streamed or whole, and GET /health.

The text is a function of the request: the last message, word by word, then filler, `max_tokens` words in all (32 unless
told). Every token is due at an instant that follows from the request's arrival and its laws alone, so lateness of one
does not move the next. Who does not read stops its own tokens, and only its own; who leaves takes its completion along.
"""

import asyncio
import itertools
import secrets
import time
from collections.abc import Iterator
from typing import Any

import httptools
import orjson

from loadtests.clock import Clock
from loadtests.target.provider.dialled import Dialled, read_dialled

__all__ = ["MODEL", "Stub"]

MODEL = "stub"
_TOKENS, _TOKENS_LIMIT = 32, 1_000_000
_BODY_LIMIT = 1_000_000
_FILLER = (
    "the",
    "reviewed",
    "workloads",
    "keep",
    "their",
    "service",
    "levels",
    "and",
    "idle",
    "capacity",
    "is",
    "freed",
)
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
_END = b"0\r\n\r\n"


class Stub(asyncio.Protocol):
    """One connection; one completion at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._completion: _Completion | None = None
        self._url, self._body = b"", bytearray()
        self.choked = False

    # The transport's side

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse(400, "this is no HTTP")
            self._close()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._transport = None
        self._leave()

    def pause_writing(self) -> None:
        self.choked = True

    def resume_writing(self) -> None:
        self.choked = False
        if self._completion is not None:
            self._completion.resume()

    # The parser's side

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > _BODY_LIMIT:
            self._refuse(413, "the request is too large")
            self._close()

    def on_message_complete(self) -> None:
        url, body, self._url, self._body = self._url, self._body, b"", bytearray()
        method = self._parser.get_method()
        if (method, url) == (b"GET", b"/health"):
            self.whole(200, {"status": "healthy"})
        elif (method, url) == (b"POST", b"/v1/chat/completions"):
            self._complete(bytes(body))
        else:
            self._refuse(404, "expected POST /v1/chat/completions")

    # The completion's side

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        if self._transport is not None:
            self._transport.write(data)

    def whole(self, status: int, document: object) -> None:
        """Send a whole answer."""
        body = orjson.dumps(document)
        head = f"HTTP/1.1 {status} {'OK' if status == 200 else 'Error'}\r\ncontent-type: application/json\r\n"
        self.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    # Inside

    def _complete(self, body: bytes) -> None:
        arrived_ns = self._clock.now()
        self._leave()
        try:
            asked = orjson.loads(body)
            dialled = read_dialled(asked.get("dialled"))
            completion = _Completion(self, self._clock, dialled, _tokens(asked), streamed=asked.get("stream") is True)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as mistake:
            self._refuse(400, f"expected a chat completion request: {mistake!r:.200}")
            return
        self._completion = completion
        completion.begin(arrived_ns)

    def _refuse(self, status: int, reason: str) -> None:
        self.whole(status, {"error": {"message": reason, "type": "invalid_request_error"}})

    def _leave(self) -> None:
        if self._completion is not None:
            self._completion.gone = True
            self._completion = None

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Completion:
    """One answer under way."""

    def __init__(self, stub: Stub, clock: Clock, dialled: Dialled, tokens: list[str], *, streamed: bool) -> None:
        self._stub, self._clock, self._dialled = stub, clock, dialled
        self._tokens, self._streamed = tokens, streamed
        self._place = 0
        self._due_ns = 0
        self._waiting = False
        self.gone = False
        self._chunk_head = orjson.dumps(
            {"id": f"chatcmpl-{secrets.token_hex(8)}", "object": "chat.completion.chunk", "created": int(time.time())}
        )[:-1]

    def begin(self, arrived_ns: int) -> None:
        """The request has arrived."""
        self._due_ns = arrived_ns + self._dialled.first_ns()
        if self._dialled.status is not None:
            self._clock.at(self._due_ns, self._fail)
            return
        if not self._streamed:
            self._due_ns += sum(self._dialled.gap_ns(place) for place in range(1, len(self._tokens)))
        else:
            self._stub.write(_STREAM_HEAD)
        self._clock.at(self._due_ns, self._token if self._streamed else self._answer)

    def resume(self) -> None:
        """The client reads again."""
        if self._waiting:
            self._waiting = False
            self._clock.at(self._due_ns, self._token)

    def _fail(self, _: object) -> None:
        if self.gone:
            return
        assert self._dialled.status is not None
        self._stub.whole(self._dialled.status, {"error": {"message": "dialled", "type": "server_error"}})

    def _answer(self, _: object) -> None:
        if self.gone or self._dialled.hang or self._dialled.endless:
            return
        message = {"role": "assistant", "content": "".join(self._tokens)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        head = orjson.loads(self._chunk_head + b"}")
        self._stub.whole(
            200, head | {"object": "chat.completion", "model": MODEL, "choices": [choice], "usage": self._usage()}
        )

    def _token(self, _: object) -> None:
        if self.gone:
            return
        if self._stub.choked:
            self._waiting = True
            return
        place, count = self._place, len(self._tokens)
        if self._dialled.hang and place >= count // 2:
            return
        self._place += 1
        last = self._place == count and not self._dialled.endless
        self._stub.write(self._chunk(self._tokens[place % count], last=last))
        if not last:
            self._due_ns += self._dialled.gap_ns(self._place)
            self._clock.at(self._due_ns, self._token)

    def _chunk(self, token: str, *, last: bool) -> bytes:
        role = b'"role":"assistant",' if self._place == 1 else b""
        data = b'data: %b,"model":"stub","choices":[{"index":0,"delta":{%b"content":%b},"finish_reason":%b}]%b}\n\n' % (
            self._chunk_head,
            role,
            orjson.dumps(token),
            b'"stop"' if last else b"null",
            b',"usage":' + orjson.dumps(self._usage()) if last else b"",
        )
        if last:
            data += b"data: [DONE]\n\n"
        chunk = b"%x\r\n%b\r\n" % (len(data), data)
        return chunk + _END if last else chunk

    def _usage(self) -> dict[str, int]:
        return {"completion_tokens": len(self._tokens)}


def _tokens(asked: dict[str, Any]) -> list[str]:
    content = asked["messages"][-1]["content"]
    count = asked.get("max_tokens", _TOKENS)
    if not isinstance(content, str) or not isinstance(count, int) or not 1 <= count <= _TOKENS_LIMIT:
        raise ValueError(f"expected text, and max_tokens from 1 to {_TOKENS_LIMIT:,}")
    return [f"{word} " for word in itertools.islice(_words(content), count)]


def _words(content: str) -> Iterator[str]:
    return itertools.chain(content.split(), itertools.cycle(_FILLER))
