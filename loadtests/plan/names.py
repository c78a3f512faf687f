"""Which names scenarios, operations and steps may have."""

import re
from typing import Any

from loadtests.plan.findings import Findings
from loadtests.plan.yamlfile import Place

__all__ = ["note_bad_name", "note_bad_names"]

_NAME = re.compile(r"[\w.:/-](?:[\w .:/-]*[\w.:/-])?")
_LONGEST_NAME = 64
_RESERVED = ("-connections-", "-generator-")


def note_bad_name(findings: Findings, name: object, place: Place, *, slash: bool) -> None:
    """A mistake when the name has odd characters, or is too long; `/` only where `slash` says so."""
    if name in _RESERVED:
        findings.note(place, "the suite keeps this name for itself", quote=False)
    extra = " and /" if slash else ""
    text = str(name)
    if len(text) > _LONGEST_NAME or not _NAME.fullmatch(text) or (not slash and "/" in text):
        rule = f"a name has 1 to {_LONGEST_NAME} letters, digits, inner spaces, _ - . :{extra}"
        findings.note(place, rule, quote=isinstance(name, str) and place[-1:] == ("name",))


def note_bad_names(findings: Findings, entries: list[Any], place: Place) -> None:
    """Names of operations must be fit, unique, and not those of another journey's steps."""
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
