"""Reading what is asked of the null driver: laws."""

from typing import Any

from loadtests.law import Law, parse_law
from loadtests.plan.findings import Findings
from loadtests.plan.model import Threshold
from loadtests.plan.protocol.null import NullOperation
from loadtests.plan.reading.base import Claimed, Context, DriverReader
from loadtests.plan.shapes.null import NullShape
from loadtests.plan.yamlfile import Place

__all__ = ["READER"]


def _operation(context: Context, entry: Any, place: Place) -> NullOperation | None:
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


def _objection(threshold: Threshold, _claimed: Claimed) -> str | None:
    if threshold.metric in ("connect", "first byte"):
        return f"the null driver connects to nothing, so it cannot measure {threshold.metric}"
    return None


READER = DriverReader(_operation, objection=_objection)
