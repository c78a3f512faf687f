"""What HTTP clients are tested against: redirects, and bodies of any size, whole, chunked or compressed."""

import zlib
from collections.abc import AsyncIterator

from starlette.responses import RedirectResponse, Response, StreamingResponse

from loadtests.target.backend import Backend
from loadtests.target.call import Call, Refused, accepts_gzip

__all__ = ["large", "redirect"]

_LARGEST = 100_000_000
_PIECE = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n" * 1024
_REDIRECTS = (301, 302, 303, 307, 308)


async def redirect(_backend: Backend, call: Call) -> Response:
    """GET /api/redirect?to=…&status=302: sends the client anywhere; that is its purpose."""
    to, status = call.query_params.get("to"), call.whole("status", 302, limit=999)
    if not to or status not in _REDIRECTS:
        raise Refused(422, "expected ?to=… and, if given, a status of 301, 302, 303, 307 or 308")
    return RedirectResponse(to, status)


async def large(_backend: Backend, call: Call) -> Response:
    """GET /api/large?bytes=N: N bytes of text; with chunked=1 of unstated length, with gzip=1 packed if accepted."""
    size = call.whole("bytes", 1_000_000, limit=_LARGEST)
    headers: dict[str, str] = {}
    pieces = _pieces(size if call.method != "HEAD" else 0)
    if call.flag("gzip"):
        headers["vary"] = "accept-encoding"
        if accepts_gzip(call):
            headers["content-encoding"] = "gzip"
            pieces = _compressed(pieces)
    if not call.flag("chunked") and "content-encoding" not in headers:
        headers["content-length"] = str(size)
    return StreamingResponse(pieces, headers=headers, media_type="text/plain")


async def _pieces(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, len(_PIECE)):
        yield _PIECE[: size - start]


async def _compressed(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(1, wbits=31)
    async for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()
