"""Reading `operations`: what a scenario does, by the driver that does it."""

from typing import Any

from loadtests.plan.model import DriverName, Operation
from loadtests.plan.names import note_bad_names
from loadtests.plan.reading.base import Context
from loadtests.plan.reading.drivers import DRIVERS
from loadtests.plan.yamlfile import Place

__all__ = ["read_operations"]


def read_operations(context: Context, value: Any, place: Place, *, driver: DriverName | None) -> list[Operation]:
    """The operations that could be read; with an unknown driver only that there are some is checked."""
    findings = context.findings
    entries = findings.sequence(value, place, of="operations")
    reader = None if driver is None else DRIVERS[driver]
    if not entries and not findings.damaged(place) and (reader is None or not reader.idle):
        findings.note(place, "expected at least one operation", quote=False)
    if reader is None:
        return []
    found = [reader.operation(context, entry, (*place, position)) for position, entry in enumerate(entries)]
    note_bad_names(findings, entries, place)
    operations = [operation for operation in found if operation is not None]
    if operations and not findings.damaged(place) and not any(operation.weight for operation in operations):
        findings.note(place, "every weight is 0, so nothing would be done", quote=False)
    return operations
