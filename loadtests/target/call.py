"""One request as the endpoints see it, and the answers they can give."""

import gzip
from functools import cached_property
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from loadtests.target.logs import trace_id_of

__all__ = ["Call", "Refused", "accepts_gzip", "answer"]

_BODY_LIMIT = 1_000_000
_GZIP_FROM = 512


class Refused(Exception):
    """The endpoint will not do what was asked; becomes an answer of `status` with a sentence."""

    def __init__(self, status: int, reason: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.retry_after_s = retry_after_s


class Call(Request):
    """A request, and what its endpoint found out about it for the log."""

    user_id: str | None = None
    thread_id: str | None = None
    reason: str | None = None

    @cached_property
    def trace_id(self) -> str:
        """The trace of the caller, or a new one."""
        return trace_id_of(self.headers.get("traceparent"))

    async def document(self) -> dict[str, Any]:
        """The body as a JSON object: 400 for what is no JSON, 413 over 1 MB, 422 for JSON of another kind."""
        body = bytearray()
        async for piece in self.stream():
            body += piece
            if len(body) > _BODY_LIMIT:
                raise Refused(413, f"expected a body of at most {_BODY_LIMIT:,} bytes")
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Refused(400, f"expected JSON: {error}") from error
        if not isinstance(document, dict):
            raise Refused(422, f"expected a JSON object, got {type(document).__name__}")
        return document

    def whole(self, name: str, default: int, *, limit: int) -> int:
        """The query parameter `name` as a whole number from 0 to `limit`; 422 for anything else."""
        text = self.query_params.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) <= limit):
            raise Refused(422, f"{name}: expected a whole number from 0 to {limit:,} (got {text!r:.80})")
        return int(text)

    def flag(self, name: str) -> bool:
        """Whether the query parameter `name` is 1."""
        return self.whole(name, 0, limit=1) == 1


def accepts_gzip(call: Request) -> bool:
    """Whether the client takes gzip: named and not refused with q=0."""
    for entry in call.headers.get("accept-encoding", "").split(","):
        coding, _, weight = entry.partition(";")
        if coding.strip().lower() in ("gzip", "x-gzip"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def answer(call: Request, document: object, status: int = 200) -> Response:
    """The document as JSON, compressed when it is worth it and the client takes it."""
    body = orjson.dumps(document)
    if len(body) < _GZIP_FROM:
        return Response(body, status, media_type="application/json")
    headers = {"vary": "accept-encoding"}
    if accepts_gzip(call):
        body = gzip.compress(body, 1, mtime=0)
        headers["content-encoding"] = "gzip"
    return Response(body, status, headers, media_type="application/json")
