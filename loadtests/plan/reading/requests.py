"""Reading one HTTP request of a plan: its line, headers, body, auth and check, and the names its templates use."""

import re
from pathlib import Path
from typing import Any

from loadtests.plan.findings import Findings
from loadtests.plan.protocol.http import Body, Check, Request
from loadtests.plan.reading.base import Fed
from loadtests.plan.shapes.base import CheckShape
from loadtests.plan.shapes.http import AuthShape, RequestShape
from loadtests.plan.suggest import nearest
from loadtests.plan.targets import address_rule
from loadtests.plan.template import names_in
from loadtests.plan.yamlfile import Place

__all__ = ["BODIES", "note_bad_headers", "note_unfed", "read_check", "read_request"]

BODIES = ("json", "form", "raw", "file")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_LINE = re.compile(r"(?P<method>\S+)\s+(?P<path>\S.*)", re.DOTALL)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VARIABLE = re.compile(r"\{\{.*?\}\}")


def read_request(
    findings: Findings, shape: RequestShape, place: Place, *, fed: Fed, base: Path | None
) -> Request | None:
    """The request, or `None` when it is not whole; names not in `fed` are mistakes."""
    line = _request_line(findings, shape.request, (*place, "request")) if shape.request is not None else None
    for key in ("request", "headers", "json", "form", "raw", "auth"):
        written = getattr(shape, "json_" if key == "json" else key)
        note_unfed(findings, written, (*place, key), fed=fed)
    note_bad_headers(findings, shape.headers or {}, (*place, "headers"))
    body = _body(findings, shape, place, base=base)
    auth = _auth(findings, shape.auth, (*place, "auth"))
    if auth is not None and any(name.lower() == "authorization" for name in shape.headers or {}):
        findings.note((*place, "auth"), "there is an authorization header already: keep one of the two", quote=False)
    check = read_check(findings, shape.check, (*place, "check"), fed=fed)
    if line is None:
        return None
    return Request(*line, shape.headers or {}, body, auth, check, shape.redirects or 0)


def note_unfed(findings: Findings, value: Any, place: Place, *, fed: Fed) -> None:
    """A mistake for each `{{name}}` in the value that nothing feeds."""
    try:
        names = names_in(value)
    except ValueError as error:
        findings.note(place, str(error))
        return
    for name in sorted(names):
        if name not in fed and f"{name.split('.')[0]}.*" not in fed:
            near = nearest(name, [known for known in fed if not known.endswith(".*")])
            rule = f"{{{{{name}}}}} is fed by nothing: feed it in data, or extract it in an earlier step"
            findings.note(place, rule, near=None if near is None else f"{{{{{near}}}}}", quote=False)


def _request_line(findings: Findings, text: str, place: Place) -> tuple[str, str] | None:
    found = _LINE.fullmatch(text.strip())
    if found is None:
        findings.note(place, "expected a method and a path, such as GET /health")
        return None
    method, path = found["method"], found["path"]
    if method not in _METHODS:
        findings.note(place, f"unknown method; expected {', '.join(_METHODS)}", near=nearest(method, _METHODS))
        return None
    plain = _VARIABLE.sub("x", path)
    if path.startswith("/"):
        rule = None
    elif "://" in path:
        rule = address_rule(plain, "http", "https")
    else:
        rule = "expected a path that starts with / or an absolute URL"
    if rule is None and (not plain.isascii() or not plain.isprintable() or " " in plain or "#" in plain):
        rule = "a path holds no spaces, # or letters beyond ASCII: percent-encode them"
    if rule is not None:
        findings.note(place, rule)
        return None
    return method, path


def note_bad_headers(findings: Findings, headers: dict[str, str], place: Place) -> None:
    """A mistake for each header that is none: by its name, its value, or because it is there twice."""
    seen: set[str] = set()
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            findings.note((*place, name), "expected a header name of letters, digits and -", quote=False)
        if name.lower() in seen:
            findings.note((*place, name), "the same header stands here twice (case does not count)", quote=False)
        if any(mark in value for mark in "\r\n\0"):
            findings.note((*place, name), "a header value is one line", quote=False)
        seen.add(name.lower())


def _body(findings: Findings, shape: RequestShape, place: Place, *, base: Path | None) -> Body | None:
    values = {"json": shape.json_, "form": shape.form, "raw": shape.raw, "file": shape.file}
    given = [kind for kind in BODIES if values[kind] is not None]
    if len(given) > 1:
        findings.note((*place, given[1]), f"a request has one body, and {given[0]} is there already", quote=False)
    if not given:
        return None
    if given[0] == "file":
        return Body("file", _file(findings, str(shape.file), (*place, "file"), base=base))
    return Body(given[0], values[given[0]])  # type: ignore[arg-type]


def _file(findings: Findings, name: str, place: Place, *, base: Path | None) -> bytes:
    if base is None:
        return b""
    try:
        content = (base / name).read_bytes()
    except OSError:
        findings.note(place, "there is no such file beside the plan, or it cannot be read")
    else:
        return content
    return b""


def _auth(findings: Findings, value: object, place: Place) -> tuple[str, str] | None:
    shape = None if value is None else findings.shape(AuthShape, value, place)
    if shape is None or findings.damaged(place):
        return None
    if (shape.basic is None) == (shape.bearer is None):
        findings.note(place, "expected exactly one of basic: [user, password] and bearer: token", quote=False)
        return None
    return ("basic", ":".join(shape.basic)) if shape.basic is not None else ("bearer", str(shape.bearer))


def read_check(findings: Findings, value: object, place: Place, *, fed: Fed) -> Check:
    """What makes an answer good, as far as it can be read."""
    shape = None if value is None else findings.shape(CheckShape, value, place)
    if shape is None:
        return Check()
    for key, written in (("json", shape.json_), ("contains", shape.contains), ("headers", shape.headers)):
        note_unfed(findings, written, (*place, key), fed=fed)
    return Check(shape.status, shape.json_ or {}, shape.contains, shape.headers or {}, shape.max_bytes)
