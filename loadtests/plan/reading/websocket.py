"""Reading what is asked over WebSockets: the messages, and how their connections are made and kept."""

import base64
import binascii
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from loadtests.plan.findings import Findings
from loadtests.plan.model import Operation, Threshold
from loadtests.plan.protocol.http import Check
from loadtests.plan.protocol.websocket import Match, Message, Sequenced, WebsocketOperation, WebsocketSettings
from loadtests.plan.reading.base import Claimed, Context, DriverReader, Fed
from loadtests.plan.reading.requests import note_bad_headers, note_unfed
from loadtests.plan.shapes.base import CheckShape
from loadtests.plan.shapes.websocket import (
    MatchShape,
    MessageShape,
    PushesShape,
    UntilShape,
    WebsocketSettingsShape,
    WebsocketShape,
)
from loadtests.plan.template import names_in
from loadtests.plan.yamlfile import Place

__all__ = ["READER"]

_NUMBER = "message"
"""The variable that is a message's own number."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_KINDS = ("json", "text", "binary")


def _operation(context: Context, entry: Any, place: Place) -> WebsocketOperation | None:
    findings, fed = context.findings, context.fed
    shape = findings.shape(WebsocketShape, entry, place)
    if shape is None:
        return None
    known = (*fed, _NUMBER)
    message = _message(findings, shape.send, (*place, "send"), fed=known)
    until = _until(findings, shape, place)
    check = _check(findings, shape.check, (*place, "check"), fed=known)
    if message is None:
        return None
    expect = shape.expect
    if expect == "nothing" and shape.check is not None:
        findings.note((*place, "check"), "nothing is expected back that could be checked", quote=False)
    return WebsocketOperation(shape.name, message, shape.weight, expect, until, check, shape.timeout)  # type: ignore[arg-type]


def _settings(context: Context, value: Any, place: Place, operations: Sequence[Operation]) -> WebsocketSettings:
    """The settings as far as they can be read, held against the messages that were read."""
    findings, around = context.findings, place[:-1]
    if _NUMBER in context.fed:
        rule = "{{message}} is a message's own number: choose another name"
        findings.note((*around, "data", _NUMBER), rule, quote=False)
    settings = _read_settings(findings, value, place, fed=context.fed)
    if not findings.damaged(place):
        messages = [operation for operation in operations if isinstance(operation, WebsocketOperation)]
        _note_unmatched(findings, messages, settings, (*around, "operations"))
    return settings


def _read_settings(findings: Findings, value: Any, place: Place, *, fed: Fed) -> WebsocketSettings:
    shape = None if value is None else findings.shape(WebsocketSettingsShape, value, place)
    if shape is None:
        return WebsocketSettings()
    if shape.path and not re.fullmatch(r"[/?][!\"$-~]*", shape.path):
        findings.note((*place, "path"), "expected a /path or a ?query without spaces, # or letters beyond ASCII")
    elif "{{" in shape.path:
        findings.note((*place, "path"), "the path is the same for all: {{name}} may be in headers, bearer, on_open")
    note_bad_headers(findings, shape.headers or {}, (*place, "headers"))
    _note_handshake_headers(findings, shape, (*place, "headers"))
    _note_bad_tokens(findings, shape, place)
    for key in ("headers", "bearer"):
        note_unfed(findings, getattr(shape, key), (*place, key), fed=fed)
    greetings = findings.sequence(shape.on_open, (*place, "on_open"), of="messages")
    messages = [_message(findings, one, (*place, "on_open", at), fed=fed) for at, one in enumerate(greetings)]
    return WebsocketSettings(
        path=shape.path,
        headers=shape.headers or {},
        bearer=shape.bearer,
        subprotocols=shape.subprotocols,
        compression=shape.compression,
        on_open=tuple(message for message in messages if message is not None),
        match=_match(findings, shape.match, (*place, "match")),
        pushes=_pushes(findings, shape.pushes, (*place, "pushes")),
        ping_ns=shape.ping,
        ping_timeout_ns=shape.ping_timeout,
        reconnect_ns=shape.reconnect,
        max_message_bytes=shape.max_message,
    )


def _note_handshake_headers(findings: Findings, shape: WebsocketSettingsShape, place: Place) -> None:
    """Headers that the handshake makes itself, or that say again what a setting says."""
    for name in shape.headers or {}:
        lower = name.lower()
        if lower in ("host", "upgrade", "connection") or lower.startswith("sec-websocket-"):
            findings.note((*place, name), "the handshake sets this header itself", quote=False)
        if lower == "authorization" and shape.bearer is not None:
            findings.note((*place, name), "there is a bearer already: keep one of the two", quote=False)


def _note_bad_tokens(findings: Findings, shape: WebsocketSettingsShape, place: Place) -> None:
    """What goes into the handshake as it stands must not be able to end its line."""
    if shape.bearer is not None and not shape.bearer.isprintable():
        findings.note((*place, "bearer"), "a token is one line", quote=False)
    if not all(map(_TOKEN.fullmatch, shape.subprotocols)) or len(set(shape.subprotocols)) < len(shape.subprotocols):
        rule = "expected different names of letters, digits and !#$%&'*+-.^_`|~, such as chat.v1"
        findings.note((*place, "subprotocols"), rule, quote=False)


def _note_unmatched(
    findings: Findings, operations: Sequence[WebsocketOperation], settings: WebsocketSettings, place: Place
) -> None:
    """Mistakes where replies could not be told apart: a message without its number, a broadcast told by order."""
    by_number = settings.match.source != "order"
    for position, operation in enumerate(operations):
        here = (*place, position)
        if operation.expect == "broadcast" and not by_number:
            findings.note(
                (*here, "expect"), "copies of a broadcast are told by a number: give websocket.match a json or regex"
            )
        plain = operation.send.kind == "binary" and settings.match.source == "regex"
        if by_number and not plain and operation.expect != "nothing" and _NUMBER not in _names(operation.send):
            rule = "replies are matched by number, so the message needs {{message}} in it"
            findings.note((*here, "send"), rule, quote=False)


def _names(message: Message) -> Collection[str]:
    return () if message.kind == "binary" else names_in(message.value)


def _message(findings: Findings, value: Any, place: Place, *, fed: Fed) -> Message | None:
    shape = findings.shape(MessageShape, value, place)
    if shape is None or findings.damaged(place):
        return None
    given = {"json": shape.json_, "text": shape.text, "binary": shape.binary}
    kinds = [kind for kind in _KINDS if given[kind] is not None]
    if len(kinds) != 1:
        findings.note(place, "expected exactly one of json, text and binary", quote=False)
        return None
    if kinds[0] != "binary":
        note_unfed(findings, given[kinds[0]], (*place, kinds[0]), fed=fed)
        return Message(kinds[0], given[kinds[0]])  # type: ignore[arg-type]
    try:
        return Message("binary", base64.b64decode(str(shape.binary), validate=True))
    except (binascii.Error, ValueError):
        findings.note((*place, "binary"), "expected bytes in base64, such as SGVsbG8=")
        return None


def _until(findings: Findings, shape: WebsocketShape, place: Place) -> dict[str, Any]:
    here = (*place, "until")
    if (shape.until is not None) != (shape.expect == "events"):
        rule = "is required: what the last event says" if shape.until is None else "belongs to expect: events"
        findings.note(here, rule, quote=False)
        return {}
    found = None if shape.until is None else findings.shape(UntilShape, shape.until, here)
    if found is not None and names_in(found.json_):
        findings.note(here, "the last event is told by fixed values, without {{name}}", quote=False)
    if found is not None and not found.json_:
        findings.note((*here, "json"), "expected at least one path and its value", quote=False)
    return {} if found is None else dict(found.json_)


def _check(findings: Findings, value: Any, place: Place, *, fed: Fed) -> Check:
    shape = None if value is None else findings.shape(CheckShape, value, place)
    if shape is None:
        return Check()
    for key in ("status", "headers"):
        if getattr(shape, key) is not None:
            findings.note((*place, key), "a message has none: json, contains and max_bytes can be checked", quote=False)
    for key, written in (("json", shape.json_), ("contains", shape.contains)):
        note_unfed(findings, written, (*place, key), fed=fed)
    return Check(None, shape.json_ or {}, shape.contains, {}, shape.max_bytes)


def _match(findings: Findings, value: Any, place: Place) -> Match:
    if value is None or value == "order":
        return Match()
    if not isinstance(value, dict):
        findings.note(place, "expected order, {json: path} or {regex: pattern}")
        return Match()
    shape = findings.shape(MatchShape, value, place)
    if shape is None or findings.damaged(place):
        return Match()
    if (shape.json_ is None) == (shape.regex is None):
        findings.note(place, "expected exactly one of json and regex", quote=False)
        return Match()
    if shape.regex is None:
        return Match("json", str(shape.json_))
    try:
        re.compile(shape.regex.encode())
    except re.error as error:
        findings.note((*place, "regex"), f"is not a regular expression: {error}")
    return Match("regex", shape.regex)


def _pushes(findings: Findings, value: Any, place: Place) -> Sequenced:
    shape = None if value is None else findings.shape(PushesShape, value, place)
    return Sequenced() if shape is None else Sequenced(shape.number, shape.sent)


def _objection(threshold: Threshold, claimed: Claimed) -> str | None:
    """What speaks against a threshold on connections and messages here."""
    metric = threshold.metric
    settings = claimed.settings or WebsocketSettings()
    messages = [one for one in claimed.operations or () if isinstance(one, WebsocketOperation)]
    expects = {one.expect for one in messages if threshold.operation in (None, one.name)}
    pushed = settings.pushes.number is not None and not claimed.operations
    objections = {
        "first byte": "a websocket scenario measures round trips and first events, no first bytes",
        "ping": None if settings.ping_ns else "no pings are sent: give websocket.ping",
        "push": None if settings.pushes.sent else "nothing tells when a push was sent: give websocket.pushes.sent",
        "delivery": None if "broadcast" in expects else "no operation expects a broadcast",
        "reach": None if "broadcast" in expects else "no operation expects a broadcast",
        "first event": None if "events" in expects else "no operation expects events",
        "lost": "nothing is expected back, so nothing can be lost" if expects == {"nothing"} else None,
    }
    if threshold.sliding_ns is not None and metric in ("connect", "connect failures", "connection drops"):
        return "connections are judged over the whole run: take the for away"
    if metric == "connect" and threshold.operation is not None:
        return "connect is measured for the whole scenario, not for one operation"
    if metric in ("duplicated", "out of order") and settings.match.source == "order" and not pushed:
        return "replies that are matched by order cannot show it: give websocket.match a json or a regex"
    if claimed.operations is not None and not claimed.operations and not _of_connections(metric, pushed=pushed):
        return "there are no operations: connections are only held"
    return None if claimed.operations is None and metric != "ping" else objections.get(metric)


def _of_connections(metric: str, *, pushed: bool) -> bool:
    """Whether a metric has figures though no message is sent."""
    if metric in ("lost", "duplicated", "out of order"):
        return pushed
    return metric in ("connect", "connect failures", "connection drops", "ping", "push", "lag") or "target" in metric


def _addresses(_operations: Sequence[Operation]) -> Mapping[str, str]:
    return {"websocket": "connects to it"}


READER = DriverReader(
    _operation,
    _settings,
    _objection,
    _addresses,
    synonyms={"drops": "connection drops"},  # there the word is about connections
    holds=True,
    idle=True,
)
