"""Reading `operations`: what a scenario does, by the driver that does it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.law import Law, parse_law
from loadtests.plan.document import ExtractShape, HttpShape, NullShape, RequestShape, StepShape
from loadtests.plan.findings import Findings
from loadtests.plan.model import DriverName, Operation
from loadtests.plan.protocol.http import Extract, HttpOperation, Step
from loadtests.plan.protocol.null import NullOperation
from loadtests.plan.protocol.websocket import WebsocketOperation
from loadtests.plan.requests import BODIES, Fed, read_request
from loadtests.plan.websockets import read_websocket_operation
from loadtests.plan.yamlfile import Place

__all__ = ["note_bad_name", "read_operations"]

_NAME = re.compile(r"[\w.:/-](?:[\w .:/-]*[\w.:/-])?")
_LONGEST_NAME = 64
_RESERVED = ("-connections-", "-generator-")
_JOURNEY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class _Context:
    """What operations are read against: the mistakes, the names that have values, and where files lie."""

    findings: Findings
    fed: Fed
    base: Path | None


def read_operations(
    findings: Findings, value: Any, place: Place, *, driver: DriverName | None, fed: Fed, base: Path | None
) -> list[Operation]:
    """The operations that could be read; with an unknown driver only that there are some is checked."""
    entries = findings.sequence(value, place, of="operations")
    if not entries and not findings.damaged(place) and driver != "websocket":
        findings.note(place, "expected at least one operation", quote=False)
    if driver is None:
        return []
    context = _Context(findings, fed, base)
    read = _READERS[driver]
    found: list[Operation | None] = [read(context, entry, (*place, position)) for position, entry in enumerate(entries)]
    _note_names(findings, entries, place)
    operations = [operation for operation in found if operation is not None]
    if operations and not findings.damaged(place) and not any(operation.weight for operation in operations):
        findings.note(place, "every weight is 0, so nothing would be done", quote=False)
    return operations


def note_bad_name(findings: Findings, name: object, place: Place, *, slash: bool) -> None:
    """A mistake when the name has odd characters, or is too long; `/` only where `slash` says so."""
    if name in _RESERVED:
        findings.note(place, "the suite keeps this name for itself", quote=False)
    extra = " and /" if slash else ""
    text = str(name)
    if len(text) > _LONGEST_NAME or not _NAME.fullmatch(text) or (not slash and "/" in text):
        rule = f"a name has 1 to {_LONGEST_NAME} letters, digits, inner spaces, _ - . :{extra}"
        findings.note(place, rule, quote=isinstance(name, str) and place[-1:] == ("name",))


def _note_names(findings: Findings, entries: list[Any], place: Place) -> None:
    """Names must be fit, unique, and not those of another journey's steps."""
    taken: dict[str, str] = {}
    for position, entry in enumerate(entries):
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str | int | float):
            continue
        here = (*place, position, "name")
        note_bad_name(findings, str(name), here, slash=True)
        for recorded in _recorded_names(str(name), entry):
            if recorded in taken:
                findings.note(here, f"{recorded} is the name of {taken[recorded]} already")
            taken[recorded] = "an operation" if recorded == name else "a step"


def _recorded_names(name: str, entry: dict[str, Any]) -> list[str]:
    """The names an operation records under: its own, and one per distinct step."""
    steps = entry.get("steps")
    found = [step.get("name") for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    return [name, *dict.fromkeys(f"{name}/{step}" for step in found)]


def _websocket(context: _Context, entry: Any, place: Place) -> WebsocketOperation | None:
    return read_websocket_operation(context.findings, entry, place, fed=context.fed)


def _null(context: _Context, entry: Any, place: Place) -> NullOperation | None:
    shape = context.findings.shape(NullShape, entry, place)
    if shape is None:
        return None
    law = _law(context.findings, shape.law, (*place, "law"))
    if law is None:
        return None
    return NullOperation(shape.name, law, shape.weight, shape.fail_every, shape.timeout)


def _law(findings: Findings, text: str, place: Place) -> Law | None:
    try:
        return parse_law(text)
    except ValueError as error:
        findings.note(place, str(error))
        return None


def _http(context: _Context, entry: Any, place: Place) -> HttpOperation | None:
    shape = context.findings.shape(HttpShape, entry, place)
    if shape is None:
        return None
    kinds = [kind for kind in ("request", "steps", "journey") if kind in entry]
    if len(kinds) != 1:
        context.findings.note(place, "expected exactly one of request, steps and journey", quote=False)
        return None
    if kinds[0] == "request":
        request = read_request(context.findings, shape, place, fed=context.fed, base=context.base)
        return HttpOperation(shape.name, shape.weight, request, timeout_ns=shape.timeout)
    _note_request_parts(context.findings, shape, place, kinds[0])
    if kinds[0] == "steps":
        steps = _steps(context, shape.steps, (*place, "steps"))
        return HttpOperation(shape.name, shape.weight, steps=steps, timeout_ns=shape.timeout)
    if shape.journey is not None and not _JOURNEY.fullmatch(shape.journey):
        context.findings.note((*place, "journey"), "expected module:function, such as journeys.shop:buy")
    return HttpOperation(shape.name, shape.weight, journey=shape.journey, timeout_ns=shape.timeout)


def _note_request_parts(findings: Findings, shape: RequestShape, place: Place, kind: str) -> None:
    parts = {"headers": shape.headers, "json": shape.json_, "auth": shape.auth, "check": shape.check}
    parts |= {"form": shape.form, "raw": shape.raw, "file": shape.file, "redirects": shape.redirects}
    where = "give it to a step" if kind == "steps" else "the function makes its own requests"
    for key in ("headers", *BODIES, "auth", "check", "redirects"):
        if parts[key] is not None:
            findings.note((*place, key), f"does not belong beside {kind}: {where}", quote=False)


def _steps(context: _Context, value: Any, place: Place) -> tuple[Step, ...]:
    entries = context.findings.sequence(value, place, of="steps")
    if not entries and not context.findings.damaged(place):
        context.findings.note(place, "expected at least one step", quote=False)
    fed, names, steps = set(context.fed), set[str](), []
    for position, entry in enumerate(entries):
        here = (*place, position)
        step = _step(_Context(context.findings, fed, context.base), entry, here)
        fed |= _extracted_names(entry)
        if step is None:
            continue
        note_bad_name(context.findings, step.name, (*here, "name"), slash=False)
        if step.name in names:
            context.findings.note((*here, "name"), "is the name of an earlier step already")
        names.add(step.name)
        steps.append(step)
    return tuple(steps)


def _step(context: _Context, entry: Any, place: Place) -> Step | None:
    shape = context.findings.shape(StepShape, entry, place)
    if shape is None:
        return None
    if shape.request is None and not context.findings.damaged((*place, "request")):
        context.findings.note((*place, "request"), "is required", quote=False)
    request = read_request(context.findings, shape, place, fed=context.fed, base=context.base)
    extract = _extracts(context.findings, shape.extract, (*place, "extract"))
    return None if request is None else Step(shape.name, request, extract, shape.think, shape.timeout)


def _extracted_names(entry: Any) -> set[str]:
    extract = entry.get("extract") if isinstance(entry, dict) else None
    return set(extract) if isinstance(extract, dict) else set()


def _extracts(findings: Findings, value: Any, place: Place) -> dict[str, Extract]:
    found: dict[str, Extract] = {}
    for name, entry in findings.mapping(value, place, of="names and where their values are found").items():
        here = (*place, name)
        if not name.isidentifier():
            findings.note(here, "expected a name of letters, digits and _", quote=False)
        shape = findings.shape(ExtractShape, entry, here)
        if shape is None or findings.damaged(here):
            continue
        given = {"json": shape.json_, "header": shape.header, "regex": shape.regex}
        sources = [(source, text) for source, text in given.items() if text is not None]
        if len(sources) != 1:
            findings.note(here, "expected exactly one of json, header and regex", quote=False)
            continue
        source, expression = sources[0]
        _note_bad_regex(findings, source, expression, (*here, source))
        found[name] = Extract(source, expression)  # type: ignore[arg-type]
    return found


def _note_bad_regex(findings: Findings, source: str, expression: str, place: Place) -> None:
    if source != "regex":
        return
    try:
        re.compile(expression)
    except re.error as error:
        findings.note(place, f"is not a regular expression: {error}")


_READERS: dict[DriverName, Callable[[_Context, Any, Place], Operation | None]] = {
    "null": _null,
    "http": _http,
    "websocket": _websocket,
}
