"""Reading one answer from bytes, however they were split; no sockets here.

    answer = interim* status-line headers body      interim answers (1xx) are skipped
    body   = nothing, after HEAD and for 204 and 304
           | chunked | Content-Length bytes
           | everything until the peer closes, when the headers give no length

httptools (llhttp) does the grammar; it does not know the request's method, so HEAD is handled here.
"""

from typing import Any

import httptools

from loadtests.drive.drivers.http.answer import Head

__all__ = ["AnswerReader", "MalformedAnswer"]

_HEAD_CAP = 256 * 1024


class MalformedAnswer(Exception):
    """What came is not HTTP/1.x; the message says where it stopped being so."""


class AnswerReader:
    """`begin`, then `feed` until it returns true; what was read stays until the next `begin`.

    `status`; `size`, the body's bytes on the wire; `keep_alive`, whether the connection may carry another exchange;
    `surplus`, whether more came than the answer.
    """

    __slots__ = (
        "_body",
        "_head_only",
        "_keep",
        "_kept",
        "_parser",
        "_raw",
        "_raw_size",
        "_used_up",
        "complete",
        "headed",
        "keep_alive",
        "size",
        "status",
        "surplus",
    )

    def __init__(self) -> None:
        self._parser: Any = httptools.HttpResponseParser(self)
        self._used_up = False
        self.begin()

    def begin(self, *, head_only: bool = False, keep: int = 0) -> None:
        """Expect an answer. `head_only` after a HEAD request; `keep` is how many bytes of the body to remember."""
        if self._used_up:  # llhttp still waits for the body of a HEAD's answer
            self._parser = httptools.HttpResponseParser(self)
            self._used_up = False
        self._head_only, self._keep = head_only, keep
        self._raw: list[bytes] = []
        self._body: list[bytes] = []
        self._raw_size = self._kept = self.size = self.status = 0
        self.complete = self.headed = self.surplus = self.keep_alive = False

    def feed(self, data: bytes) -> bool:
        """Take the next bytes; true once the answer is complete. Raises `MalformedAnswer`."""
        if not self.headed:
            self._raw.append(data)
            self._raw_size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.complete:
                raise MalformedAnswer(self._complaint(error)) from None
            self.surplus = True
        if not self.headed and self._raw_size > _HEAD_CAP:
            raise MalformedAnswer(f"no end of the headers within {_HEAD_CAP // 1024} KiB")
        return self.complete

    def end(self) -> bool:
        """The peer has closed; whether the answer is complete with that."""
        if self.headed and not self.complete and not self.head().framed:
            self.complete = True
        return self.complete

    def head(self) -> Head:
        """Status line and headers, parsed on demand; meaningful once `headed`."""
        return Head.of(b"".join(self._raw))

    def body(self) -> bytes:
        """The body as it came on the wire, at most `keep` bytes and the rest of the last piece."""
        return b"".join(self._body)

    def take(self) -> list[bytes]:
        """The pieces of the body that have come since the last time, no longer remembered here."""
        taken, self._body, self._kept = self._body, [], 0
        return taken

    def close(self) -> None:
        """Let go of the parser, which knows us as we know it."""
        self._parser = None

    def _complaint(self, error: Exception) -> str:
        if isinstance(error, httptools.HttpParserUpgrade) or self._parser.get_status_code() == 101:
            return "the server switched protocols unasked (101)"
        return f"not an HTTP answer: {str(error)[0].lower()}{str(error)[1:]}" if str(error) else "not an HTTP answer"

    def on_message_begin(self) -> None:
        """Called by the parser."""
        if self.complete:
            self.surplus = True

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        status = self._parser.get_status_code()
        if self.complete or status < 200:
            return
        self.status, self.headed = status, True
        if self._head_only:
            self.complete = self._used_up = True
            self.keep_alive = self.head().keeps_alive

    def on_body(self, piece: bytes) -> None:
        """Called by the parser."""
        if self.complete:
            self.surplus = True
            return
        self.size += len(piece)
        if self._kept < self._keep:
            self._body.append(piece)
            self._kept += len(piece)

    def on_message_complete(self) -> None:
        """Called by the parser; also for interim answers."""
        if self.headed and not self.complete:
            self.keep_alive = self._parser.should_keep_alive()
            self.complete = True
