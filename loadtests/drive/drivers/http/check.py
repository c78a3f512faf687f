"""Whether an answer is good: a plan's `Check`, compiled once and asked per answer."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from loadtests.drive.drivers.failure import Failure, wrong_status
from loadtests.drive.drivers.http.answer import BODY_CAP, Head, Undecodable, decoded
from loadtests.plan.protocol.http import Check
from loadtests.plan.template import Template, names_in

__all__ = ["ANY_ANSWER", "SAMPLE_BYTES", "Judge", "PathMissing", "at_path", "equal", "filled", "spelled"]

SAMPLE_BYTES = 200
"""How much of a body is kept for samples of failures when no check needs it."""

_STEPS = re.compile(r"[^.\[\]]+")
_SHOWN = 60

Values = Mapping[str, str]


class PathMissing(Exception):
    """A JSON path leads nowhere in this document."""


def at_path(document: Any, path: str) -> Any:
    """The value at a dotted path: `user.roles.0` or `user.roles[0]`, a leading `$` allowed. Raises `PathMissing`."""
    found = document
    for step in _STEPS.findall(path.removeprefix("$")):
        try:
            found = found[int(step)] if isinstance(found, list) else found[step]
        except (KeyError, IndexError, TypeError, ValueError):
            raise PathMissing(path) from None
    return found


class Judge:
    """A compiled `Check`. `fault` says what is wrong with an answer, `None` when nothing is."""

    def __init__(self, check: Check) -> None:
        self._statuses = None if check.status is None else frozenset(check.status)
        self.wanted = "below 400" if check.status is None else " or ".join(map(str, check.status))
        self._headers = [(name.lower(), Template.of(text)) for name, text in check.headers.items()]
        self._contains = [(Template.of(text), None if names_in(text) else text.encode()) for text in check.contains]
        self._json = [(path, value, bool(names_in(value))) for path, value in check.json.items()]
        self.names = frozenset(names_in([dict(check.json), check.contains, dict(check.headers)]))
        self.max_bytes = check.max_bytes
        self.reads_head = bool(self._headers)
        self.head_varies = bool(names_in(dict(check.headers)))
        self.reads_body = bool(self._contains or self._json)

    @property
    def only_text(self) -> bytes | None:
        """What a body must contain, where that is all it must and it never varies."""
        return self._contains[0][1] if len(self._contains) == 1 and not self._json else None

    @property
    def limit(self) -> int | None:
        """Bytes of body on the wire beyond which the answer is bad whatever follows."""
        caps = [cap for cap in (self.max_bytes, BODY_CAP if self.reads_body else None) if cap is not None]
        return min(caps) if caps else None

    @property
    def keep(self) -> int:
        """Bytes of body to remember."""
        return BODY_CAP if self.reads_body else SAMPLE_BYTES

    def accepts(self, status: int) -> bool:
        """Whether the status alone is good."""
        return status < 400 if self._statuses is None else status in self._statuses

    def oversize(self) -> Failure:
        """The failure of a body beyond `limit`."""
        return Failure("check", f"the body is larger than {self.limit} bytes")

    def fault(self, status: int, head: Callable[[], Head], body: Callable[[], bytes], values: Values) -> Failure | None:
        """The first thing wrong: status, headers, then body. Head and body (as on the wire) are asked for if needed."""
        if not self.accepts(status):
            return wrong_status(status, self.wanted)
        if self.reads_head:
            fault = self._header_fault(head(), values)
            if fault is not None:
                return fault
        if not self.reads_body:
            return None
        try:
            plain = decoded(body(), head().get("content-encoding"))
        except Undecodable as error:
            return Failure("check", str(error))
        return self.body_fault(plain, values)

    def body_fault(self, body: bytes, values: Values) -> Failure | None:
        """The first thing wrong with a decoded body; for an answer whose head is known to be good."""
        fault = self._text_fault(body, values) if self._contains else None
        return fault or (self._json_fault(body, values) if self._json else None)

    def _header_fault(self, head: Head, values: Values) -> Failure | None:
        """A header must equal the text, with or without parameters (`text/html` is met by `text/html; charset=…`)."""
        for name, template in self._headers:
            wanted, got = template.render(values), head.get(name)
            if got is None:
                return Failure("check", f"header {name} is missing, expected {wanted}")
            if wanted not in (got, got.split(";", 1)[0].strip()):
                return Failure("check", f"header {name} is {got[:_SHOWN]}, expected {wanted}")
        return None

    def _text_fault(self, body: bytes, values: Values) -> Failure | None:
        for template, fixed in self._contains:
            if (fixed or template.render_bytes(values)) not in body:
                return Failure("check", f"the body does not contain {template.render(values)[:_SHOWN]}")
        return None

    def _json_fault(self, body: bytes, values: Values) -> Failure | None:
        try:
            document = orjson.loads(body)
        except ValueError:
            return Failure("check", "the body is not JSON")
        for path, value, templated in self._json:
            try:
                got = at_path(document, path)
            except PathMissing:
                return Failure("check", f"json {path} is missing")
            wanted = filled(value, values) if templated else value
            if not equal(got, wanted, as_text=templated and isinstance(wanted, str)):
                return Failure("check", f"json {path} is {spelled(got)}, expected {spelled(wanted)}")
        return None


def filled(value: Any, values: Values) -> Any:
    """The expectation with its variables put in, at any depth."""
    if isinstance(value, str):
        return Template.of(value).render(values)
    if isinstance(value, Mapping):
        return {filled(key, values): filled(part, values) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [filled(part, values) for part in value]
    return value


def equal(got: Any, wanted: Any, *, as_text: bool) -> bool:
    """JSON equality: true is not 1. A variable is text, so with `as_text` the number 7 meets the text 7."""
    if as_text and not isinstance(got, str):
        return bool(orjson.dumps(got).decode() == wanted)
    return bool(got == wanted) and isinstance(got, bool) == isinstance(wanted, bool)


def spelled(value: Any) -> str:
    """The value as JSON, not too long to read."""
    text = orjson.dumps(value).decode()
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


ANY_ANSWER = Judge(Check(status=tuple(range(100, 1000))))
"""Finds nothing wrong with any answer."""
