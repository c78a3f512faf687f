"""Compressed messages: RFC 7692, permessage-deflate, one zlib stream each way where the peer keeps its window."""

import zlib
from typing import Self

__all__ = ["OFFER", "Deflate", "Overlong"]

OFFER = "permessage-deflate; client_max_window_bits"
_TAIL = b"\x00\x00\xff\xff"
_WINDOW = range(9, 16)  # zlib has no raw stream of 8 bits


class Overlong(Exception):
    """A message unpacks to more than is allowed."""


class Deflate:
    """One connection's compression, as the server's answer to `OFFER` has settled it."""

    def __init__(self, *, ours: int = 15, keep_ours: bool = True, keep_theirs: bool = True) -> None:
        self._ours, self._keep_ours, self._keep_theirs = ours, keep_ours, keep_theirs
        self._packer = zlib.compressobj(wbits=-ours)
        self._unpacker = zlib.decompressobj(wbits=-15)

    @classmethod
    def settled(cls, answer: str) -> Self:
        """From the server's `Sec-WebSocket-Extensions`; raises `ValueError` for what was not offered."""
        name, *parameters = (part.strip() for part in answer.split(";"))
        if name != "permessage-deflate":
            raise ValueError(f"the extension {name} was not asked for")
        given = {key.strip(): value.strip(' "') for key, _, value in (part.partition("=") for part in parameters)}
        bits = given.get("client_max_window_bits") or "15"
        if not bits.isdigit() or int(bits) not in _WINDOW:
            raise ValueError(f"client_max_window_bits={bits} cannot be used")
        return cls(
            ours=int(bits),
            keep_ours="client_no_context_takeover" not in given,
            keep_theirs="server_no_context_takeover" not in given,
        )

    def pack(self, payload: bytes) -> bytes:
        """The payload as it is sent."""
        if not self._keep_ours:
            self._packer = zlib.compressobj(wbits=-self._ours)
        return (self._packer.compress(payload) + self._packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_TAIL)

    def unpack(self, payload: bytes, limit: int) -> bytes:
        """The payload as it was meant; raises `Overlong` beyond `limit` bytes, `ValueError` when it is damaged."""
        if not self._keep_theirs:
            self._unpacker = zlib.decompressobj(wbits=-15)
        try:
            plain = self._unpacker.decompress(payload + _TAIL, limit + 1)
        except zlib.error as error:
            raise ValueError(str(error)) from None
        if len(plain) > limit:
            raise Overlong
        if self._unpacker.eof:  # the peer has ended its stream with this message; the next begins another
            self._unpacker = zlib.decompressobj(wbits=-15)
        return plain
