"""Reading what is asked over HTTP: requests, journeys, and how they are made."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from loadtests.plan.findings import Findings
from loadtests.plan.model import Operation
from loadtests.plan.names import note_bad_name
from loadtests.plan.protocol.http import Extract, HttpOperation, HttpSettings, Step
from loadtests.plan.reading.base import Context, DriverReader
from loadtests.plan.reading.requests import BODIES, read_request
from loadtests.plan.shapes.http import ExtractShape, HttpSettingsShape, HttpShape, RequestShape, StepShape
from loadtests.plan.yamlfile import Place

__all__ = ["READER"]

_JOURNEY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def _operation(context: Context, entry: Any, place: Place) -> HttpOperation | None:
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


def _steps(context: Context, value: Any, place: Place) -> tuple[Step, ...]:
    entries = context.findings.sequence(value, place, of="steps")
    if not entries and not context.findings.damaged(place):
        context.findings.note(place, "expected at least one step", quote=False)
    fed, names, steps = set(context.fed), set[str](), []
    for position, entry in enumerate(entries):
        here = (*place, position)
        step = _step(Context(context.findings, fed, context.base), entry, here)
        fed |= _extracted_names(entry)
        if step is None:
            continue
        note_bad_name(context.findings, step.name, (*here, "name"), slash=False)
        if step.name in names:
            context.findings.note((*here, "name"), "is the name of an earlier step already")
        names.add(step.name)
        steps.append(step)
    return tuple(steps)


def _step(context: Context, entry: Any, place: Place) -> Step | None:
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


def _settings(context: Context, value: Any, place: Place, _operations: Sequence[Operation]) -> HttpSettings:
    shape = None if value is None else context.findings.shape(HttpSettingsShape, value, place)
    return HttpSettings() if shape is None else HttpSettings(shape.keep_alive, shape.cookies)


def _addresses(operations: Sequence[Operation]) -> Mapping[str, str]:
    http = [operation for operation in operations if isinstance(operation, HttpOperation)]
    requests = [request for one in http for request in (one.request, *(step.request for step in one.steps)) if request]
    return {"http": "sends to paths below it"} if any(one.path.startswith("/") for one in requests) else {}


READER = DriverReader(_operation, _settings, addresses=_addresses)
