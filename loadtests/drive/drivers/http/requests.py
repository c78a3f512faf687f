"""Requests compiled once: fixed bytes where nothing varies, pieces to join where something does."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Self
from urllib.parse import urlencode, urljoin

import orjson

from loadtests import __version__
from loadtests.drive.drivers.http.origin import Origin, escaped, is_absolute, request_target, split_url
from loadtests.errors import UsageError
from loadtests.plan.protocol.http import Body, Request
from loadtests.plan.template import Template, json_text, url_text

__all__ = ["CompiledRequest", "Piece", "Prepared", "Wire", "literal"]

Values = Mapping[str, str]

_BREAKS = {ord(character): " " for character in "\r\n\0"}
_CONTENT_TYPES = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "raw": "text/plain; charset=utf-8",
    "file": "application/octet-stream",
}
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_FRAMING = frozenset({"content-length", "transfer-encoding"})
"""Headers that say where the body ends; a plan cannot set them."""
_OF_BODY = frozenset({"content-type", "content-encoding", "content-language", "content-location"})
_PRIVATE = frozenset({"authorization", "cookie", "proxy-authorization", "host"})


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a request, from the values of the variables in it; fixed when there are none."""

    render: Callable[[Values], bytes]
    names: frozenset[str] = frozenset()

    @classmethod
    def fixed(cls, data: bytes) -> Self:
        """A piece that is always the same."""
        return cls(lambda _: data)


class Wire:
    """One request as bytes: `static` when no variable is in it, otherwise `render(values)`."""

    def __init__(self, head: list[Piece], body: Piece | None) -> None:
        pieces = [*head, *([] if body is None else [body])]
        self.names = frozenset[str]().union(*(piece.names for piece in pieces))
        merged = _merged(head)
        self._parts = [b"" if piece.names else piece.render({}) for piece in merged]
        self._holes = [(place, piece.render) for place, piece in enumerate(merged) if piece.names]
        self._body = body
        self.static = None if self.names else self.render({})

    def render(self, values: Values) -> bytes:
        """The bytes of one execution."""
        parts = self._parts.copy()
        for place, render in self._holes:
            parts[place] = render(values)
        if self._body is None:
            return b"".join(parts)
        body = self._body.render(values)
        return b"".join([*parts, b"Content-Length: %d\r\n\r\n" % len(body), body])


@dataclass(frozen=True, slots=True)
class Prepared:
    """One request with everything decided but its cookies. `body` is `None` where a request has none by its nature."""

    method: str
    origin: Origin
    target: str
    headers: tuple[tuple[str, bytes], ...]
    body: bytes | None

    @property
    def url(self) -> str:
        """The absolute URL."""
        return f"{self.origin}{self.target}"

    def to_bytes(self, cookies: str | None = None) -> bytes:
        """As sent."""
        headers = self.headers if cookies is None else (*self.headers, ("Cookie", cookies.encode()))
        lines = [f"{self.method} {self.target} HTTP/1.1".encode()]
        if not _has(headers, "host"):
            lines.append(f"Host: {self.origin.authority}".encode())
        lines += (name.encode() + b": " + value for name, value in headers)
        if self.body is not None:
            lines.append(b"Content-Length: %d" % len(self.body))
        return b"\r\n".join(lines) + b"\r\n\r\n" + (self.body or b"")

    def redirected(self, status: int, location: str) -> "Prepared":
        """The request that follows a redirect (RFC 9110, 15.4), as browsers do it; raises `ValueError`.

        303 turns everything but HEAD into GET, 301 and 302 do so for POST; 307 and 308 repeat the request as it is.
        Credentials stay behind when the origin changes.
        """
        origin, target = split_url(urljoin(self.url, location))
        headers = [(name, value) for name, value in self.headers if name.lower() != "host"]
        if origin != self.origin:
            headers = [(name, value) for name, value in headers if name.lower() not in _PRIVATE]
        moved = replace(self, origin=origin, target=target, headers=tuple(headers))
        becomes_get = (status == 303 and self.method != "HEAD") or (status in (301, 302) and self.method == "POST")
        if not becomes_get:
            return moved
        kept = tuple((name, value) for name, value in headers if name.lower() not in _OF_BODY)
        return replace(moved, method="GET", headers=kept, body=None)


class CompiledRequest:
    """A plan's `Request`, ready to be written (`wire`) or prepared for one execution (`prepare`).

    `base` is the target's URL, to which paths are relative. `origin` is `None` when a variable decides it: then there
    is no `wire`. A path that begins with a variable takes it as it is, so `{{next}}` may be a whole path or URL;
    variables elsewhere in the path are percent-encoded.
    """

    def __init__(self, request: Request, base: str | None, *, keep_alive: bool = True) -> None:
        self.method = request.method.upper()
        self._base, self._path = base, Template.of(request.path)
        self._body = _body(request.body, self.method)
        self._headers = _headers(request, keep_alive=keep_alive)
        self.origin, self._target = _place(request.path, base)
        pieces = [piece for _, piece in self._headers] + ([] if self._body is None else [self._body])
        self.names = frozenset(self._path.names).union(*(piece.names for piece in pieces))

    def wire(self) -> Wire:
        """The request as bytes with holes; only for a known origin."""
        assert self.origin is not None
        head = [Piece.fixed(f"{self.method} ".encode()), self._target, Piece.fixed(b" HTTP/1.1\r\n")]
        if not _has(self._headers, "host"):
            head.append(Piece.fixed(f"Host: {self.origin.authority}\r\n".encode()))
        for name, piece in self._headers:
            head += (Piece.fixed(f"{name}: ".encode()), piece, Piece.fixed(b"\r\n"))
        if self._body is None:
            head.append(Piece.fixed(b"\r\n"))
        return Wire(head, self._body)

    def prepare(self, values: Values) -> Prepared:
        """The request of one execution; raises `ValueError` when a variable makes it no URL."""
        if self.origin is None:
            origin, target = split_url(_absolute(self._path.render(values), self._base))
        else:
            origin, target = self.origin, self._target.render(values).decode()
        headers = tuple((name, piece.render(values)) for name, piece in self._headers)
        return Prepared(self.method, origin, target, headers, None if self._body is None else self._body.render(values))


def literal(
    method: str,
    path: str,
    *,
    base: str | None,
    headers: Mapping[str, str],
    content: tuple[str, bytes] | None,
    keep_alive: bool,
) -> Prepared:
    """A request without variables: `content` is the kind of body (as in a plan) and its bytes. Raises `ValueError`."""
    method = method.upper()
    origin, target = split_url(_absolute(path, base))
    given = [(name, text.translate(_BREAKS).encode()) for name, text in headers.items()]
    given = [(name, value) for name, value in given if name.lower() not in _FRAMING]
    defaults = _defaults(None if content is None else content[0], keep_alive=keep_alive)
    merged = [(name, value) for name, value in defaults.items() if not _has(given, name)] + given
    body = content[1] if content is not None else b"" if method in _WITH_BODY else None
    return Prepared(method, origin, target, tuple(merged), body)


def _place(path: str, base: str | None) -> tuple[Origin | None, Piece]:
    """Origin and target of a path with variables; no origin where a variable could change it."""
    if path.lstrip().startswith("{{"):
        return None, Piece.fixed(b"")
    url = _absolute(path, base)
    authority = url.split("/", 3)[2]
    if "{{" in authority:
        return None, Piece.fixed(b"")
    template = Template.of(url[url.index(authority) + len(authority) :])
    if not template.names:
        origin, target = split_url(url)
        return origin, Piece.fixed(target.encode())
    first, *later = template.literals
    literals = [request_target(first), *map(escaped, later)]
    legal = Template(tuple(literals), template.names, tuple(literal.encode() for literal in literals))
    return Origin.of(url), Piece(partial(legal.render_bytes, escape=url_text), frozenset(template.names))


def _absolute(path: str, base: str | None) -> str:
    if is_absolute(path):
        return path
    if base is None:
        raise UsageError(f"the path {path} needs target.http, which the plan does not give")
    return base.rstrip("/") + (path if path.startswith("/") else f"/{path}")


def _headers(request: Request, *, keep_alive: bool) -> list[tuple[str, Piece]]:
    """The plan's headers, after the defaults that it does not set itself; `Host` comes later."""
    given = [(name, _header_value(Template.of(text))) for name, text in request.headers.items()]
    given = [(name, piece) for name, piece in given if name.lower() not in _FRAMING]
    fixed = _defaults(None if request.body is None else request.body.kind, keep_alive=keep_alive)
    defaults = {name: Piece.fixed(value) for name, value in fixed.items()}
    if request.auth is not None:
        defaults["Authorization"] = _authorization(*request.auth)
    return [(name, piece) for name, piece in defaults.items() if not _has(given, name)] + given


def _defaults(content: str | None, *, keep_alive: bool) -> dict[str, bytes]:
    """Headers that every request has, unless it sets them itself."""
    defaults = {"User-Agent": f"loadtests/{__version__}".encode(), "Accept": b"*/*"}
    if content is not None:
        defaults["Content-Type"] = _CONTENT_TYPES[content].encode()
    if not keep_alive:
        defaults["Connection"] = b"close"
    return defaults


def _header_value(template: Template) -> Piece:
    """Line breaks in a value become spaces: no variable can add a header."""
    return _piece(lambda values: template.render(values).translate(_BREAKS).encode(), template)


def _authorization(scheme: str, credentials: str) -> Piece:
    template = Template.of(credentials)
    if scheme == "basic":
        return _piece(lambda values: b"Basic " + b64encode(template.render_bytes(values)), template)
    return _header_value(Template.of(f"Bearer {credentials}"))


def _body(body: Body | None, method: str) -> Piece | None:
    if body is None:
        return Piece.fixed(b"") if method in _WITH_BODY else None
    if body.kind == "file":
        return Piece.fixed(body.value)
    if body.kind == "json":
        template = Template.of(orjson.dumps(body.value).decode())
        return _piece(partial(template.render_bytes, escape=json_text), template)
    if body.kind == "raw":
        template = Template.of(body.value)
        return _piece(template.render_bytes, template)
    pairs = [(Template.of(name), Template.of(text)) for name, text in body.value.items()]

    def form(values: Values) -> bytes:
        return urlencode([(name.render(values), text.render(values)) for name, text in pairs]).encode()

    return _piece(form, *(template for pair in pairs for template in pair))


def _piece(render: Callable[[Values], bytes], *templates: Template) -> Piece:
    """A piece of those templates, rendered now when nothing in it varies."""
    names = frozenset(name for template in templates for name in template.names)
    return Piece(render, names) if names else Piece.fixed(render({}))


def _merged(pieces: Iterable[Piece]) -> list[Piece]:
    """Neighbouring fixed pieces made one."""
    merged: list[Piece] = []
    for piece in pieces:
        if merged and not piece.names and not merged[-1].names:
            merged[-1] = Piece.fixed(merged[-1].render({}) + piece.render({}))
        else:
            merged.append(piece)
    return merged


def _has(headers: Iterable[tuple[str, object]], name: str) -> bool:
    return any(found.lower() == name.lower() for found, _ in headers)
