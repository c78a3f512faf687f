"""Reading what is asked of agents: executions, how to talk, and what makes an answer right."""

import re
from collections.abc import Sequence
from typing import Any

from loadtests.plan.findings import Findings
from loadtests.plan.metrics import PHASE
from loadtests.plan.model import Operation, Threshold
from loadtests.plan.protocol.agent import EXECUTION, PATHS, AgentOperation, AgentSettings, Expected, Limits
from loadtests.plan.reading.base import Claimed, Context, DriverReader
from loadtests.plan.reading.requests import note_bad_headers, note_unfed, read_check
from loadtests.plan.shapes.agent import AgentSettingsShape, AgentShape, ExpectedShape, LimitsShape
from loadtests.plan.template import names_in
from loadtests.plan.yamlfile import Place

__all__ = ["READER"]

_STREAMED = ("ttft", "token gap", "event gap", "first event", "token rate", "tokens", "tool calls", "queued")
_OURS = {
    "answer": ("query", "user_id", "thread_id", "complexity", "stream"),
    "stream": ("query", "user_id", "thread_id", "complexity", "stream"),
    "openai": ("messages", "stream"),
}
"""Fields of a request that the driver makes itself."""


def _operation(context: Context, entry: Any, place: Place) -> AgentOperation | None:
    findings, fed = context.findings, (*context.fed, EXECUTION)
    shape = findings.shape(AgentShape, entry, place)
    if shape is None:
        return None
    for key in ("prompt", "user", "thread", "system", "body"):
        note_unfed(findings, getattr(shape, key), (*place, key), fed=fed)
    if not all(prompt.strip() for prompt in shape.prompt) or not shape.prompt:
        findings.note((*place, "prompt"), "expected something to ask, or a list of such")
    return AgentOperation(
        shape.name,
        shape.prompt,
        weight=shape.weight,
        user=shape.user,
        thread=shape.thread,
        complexity=shape.complexity,  # type: ignore[arg-type]
        system=shape.system,
        body=shape.body or {},
        check=read_check(findings, shape.check, (*place, "check"), fed=fed),
        expected=_expected(findings, shape.answer, (*place, "answer"), fed=fed),
        limits=_limits(findings, shape.limits, (*place, "limits")),
        timeout_ns=shape.timeout,
    )


def _expected(findings: Findings, value: Any, place: Place, *, fed: Sequence[str]) -> Expected | None:
    shape = None if value is None else findings.shape(ExpectedShape, value, place)
    if shape is None:
        return None
    note_unfed(findings, shape.equals, (*place, "equals"), fed=fed)
    if shape.within is not None and not _may_be_number(shape.equals):
        findings.note((*place, "equals"), "expected a number, or a {{name}} that gives one, beside within")
    return Expected(shape.equals, shape.json_, shape.within)


def _may_be_number(value: Any) -> bool:
    try:
        return bool(names_in(value)) or float(value) == float(value)
    except (TypeError, ValueError):
        return False


def _limits(findings: Findings, value: Any, place: Place) -> Limits:
    shape = None if value is None else findings.shape(LimitsShape, value, place)
    return Limits() if shape is None else Limits(shape.total, shape.ttft, shape.gap)


def _settings(context: Context, value: Any, place: Place, operations: Sequence[Operation]) -> AgentSettings:
    findings, around = context.findings, place[:-1]
    if EXECUTION in context.fed:
        rule = "{{execution}} is an execution's own number: choose another name"
        findings.note((*around, "data", EXECUTION), rule, quote=False)
    shape = findings.shape(AgentSettingsShape, {} if value is None else value, place)
    if shape is None:
        return AgentSettings()
    settings = AgentSettings(
        api=shape.api,  # type: ignore[arg-type]
        path=shape.path or PATHS[shape.api],  # type: ignore[index]
        model=shape.model,
        headers=shape.headers or {},
        bearer=shape.bearer,
        retries=shape.retries,
        identity=shape.identity,
        queue=shape.queue,
    )
    for key in ("path", "queue"):
        written = getattr(shape, key)
        if written is not None and not re.fullmatch(r"/[!-\"$-~]*", written):
            findings.note((*place, key), "expected a /path without spaces, # or letters beyond ASCII")
        elif written is not None and names_in(written):
            findings.note((*place, key), "a path is the same for every execution, without {{name}}", quote=False)
    note_bad_headers(findings, shape.headers or {}, (*place, "headers"))
    if settings.bearer is not None and any(name.lower() == "authorization" for name in settings.headers):
        findings.note((*place, "bearer"), "there is an authorization header already: keep one of the two", quote=False)
    for key in ("headers", "bearer"):
        note_unfed(findings, getattr(settings, key), (*place, key), fed=(*context.fed, EXECUTION))
    _note_misfits(findings, [one for one in operations if isinstance(one, AgentOperation)], settings, around)
    return settings


def _note_misfits(
    findings: Findings, operations: Sequence[AgentOperation], settings: AgentSettings, around: Place
) -> None:
    """What operations ask that this way of talking has no place for."""
    for position, operation in enumerate(operations):
        here = (*around, "operations", position)
        if findings.damaged(here):
            continue
        if operation.system is not None and settings.api != "openai":
            findings.note((*here, "system"), "only api: openai has a system prompt", quote=False)
        if settings.api == "openai":
            for key in ("thread", "complexity"):
                if getattr(operation, key) is not None:
                    findings.note((*here, key), "api: openai has no such field: give it in body", quote=False)
        for field in sorted(set(operation.body).intersection(_OURS[settings.api])):
            findings.note((*here, "body", field), "the driver makes this field itself", quote=False)


def _objection(threshold: Threshold, claimed: Claimed) -> str | None:
    """What speaks against a threshold on executions here."""
    metric, settings = threshold.metric, claimed.settings or AgentSettings()
    if metric == "first byte":
        return "an agent scenario measures ttft and first events, no first bytes"
    if metric in _STREAMED and settings.api == "answer":
        return f"an answer that comes at once has no {metric}: give agent.api stream or openai"
    if metric.startswith(f"{PHASE} ") and settings.api == "openai":
        return "an openai stream does not tell its phases"
    if metric == "queued" and settings.api == "openai":
        return "an openai stream does not tell how long it was queued"
    if metric == "queue" and settings.queue is None:
        return "nothing looks at the queue: give agent.queue its path, such as /api/agent/queue-status"
    spoken_of = [
        one
        for one in claimed.operations or ()
        if isinstance(one, AgentOperation) and threshold.operation in (None, one.name)
    ]
    if claimed.operations is None or not spoken_of:
        return None
    if metric == "accuracy" and not any(one.expected for one in spoken_of):
        return "no operation says what the right answer is: give it answer"
    if metric == "mixed up" and not any(one.user for one in spoken_of):
        return "no operation says who asks: give it user"
    return None


READER = DriverReader(
    _operation,
    _settings,
    _objection,
    addresses=lambda _: {"http": "sends executions to it"},
)
