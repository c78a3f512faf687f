"""An answer as a value: head, body, and the body as the application meant it."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

__all__ = ["BODY_CAP", "Answer", "Head", "Undecodable", "decoded"]

BODY_CAP = 64 * 1024 * 1024
"""No body that must be looked at may be larger, on the wire or decompressed."""

_BLANK = b"\r\n\r\n"


class Undecodable(Exception):
    """The body cannot be turned into what its Content-Encoding says."""


@dataclass(frozen=True, slots=True)
class Head:
    """The status line and the headers in order, names in lower case."""

    line: str
    status: int
    fields: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, raw: bytes) -> Self:
        """The head at the start of `raw`, past interim answers; `raw` has been found well-formed by the parser."""
        while True:
            block, _, raw = raw.lstrip(b"\r\n").partition(_BLANK)
            lines = block.decode("latin-1").split("\r\n")
            status = int(lines[0].split(" ", 2)[1])
            if status >= 200 or not raw:
                break
        pairs = (line.partition(":") for line in lines[1:])
        return cls(lines[0], status, tuple((name.strip().lower(), value.strip()) for name, _, value in pairs))

    def all(self, name: str) -> list[str]:
        """Every value of a header, by its lower-case name."""
        return [value for found, value in self.fields if found == name]

    def get(self, name: str) -> str | None:
        """The values of a header joined by commas, or `None`."""
        values = self.all(name.lower())
        return ", ".join(values) if values else None

    @property
    def framed(self) -> bool:
        """Whether the headers say where the body ends; otherwise the peer's closing does."""
        coding = self.get("transfer-encoding")
        if coding is not None:
            return coding.split(",")[-1].strip().lower() == "chunked"
        return self.get("content-length") is not None

    @property
    def keeps_alive(self) -> bool:
        """What the headers say of the connection, leaving the body's framing aside (for answers to HEAD)."""
        tokens = {token.strip().lower() for token in (self.get("connection") or "").split(",")}
        return "close" not in tokens if self.line.startswith("HTTP/1.1") else "keep-alive" in tokens


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `headers` with lower-case names, `body` decompressed, `url` after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = ""

    @property
    def text(self) -> str:
        """The body as UTF-8; what is not UTF-8 shows as �."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as a JSON document; raises `ValueError` when it is none."""
        return orjson.loads(self.body)


def decoded(body: bytes, encoding: str | None) -> bytes:
    """The body without its Content-Encoding (gzip, deflate, several in a row); raises `Undecodable`."""
    codings = [coding.strip().lower() for coding in (encoding or "").split(",")]
    for coding in reversed(codings):
        if coding in ("", "identity"):
            continue
        if coding in ("gzip", "x-gzip"):
            body = _inflated(body, zlib.MAX_WBITS | 16)
        elif coding == "deflate":
            body = _inflated(body, zlib.MAX_WBITS if _has_zlib_header(body) else -zlib.MAX_WBITS)
        else:
            raise Undecodable(f"content-encoding {coding} is not known; gzip and deflate are")
    return body


def _has_zlib_header(body: bytes) -> bool:
    """Some servers send raw deflate data; RFC 1950 tells them apart by the first two bytes."""
    return len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0


def _inflated(body: bytes, window_bits: int) -> bytes:
    """Decompressed, member after member, never beyond `BODY_CAP`."""
    parts: list[bytes] = []
    room = BODY_CAP
    while body:
        inflater = zlib.decompressobj(window_bits)
        try:
            part = inflater.decompress(body, room + 1)
        except zlib.error as error:
            raise Undecodable(f"the compressed body is broken: {error}") from error
        room -= len(part)
        if room < 0:
            raise Undecodable(f"the body decompresses to more than {BODY_CAP // 2**20} MiB")
        if not inflater.eof:
            raise Undecodable("the compressed body is cut short")
        parts.append(part)
        body = inflater.unused_data
    return b"".join(parts)
