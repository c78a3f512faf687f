"""`${NAME}` and `${NAME:-default}` in a plan's texts, read from the environment; `$${` writes a plain `${`.

A value whose name looks secret leaves a mark: the same text with the value as `***`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loadtests.plan.secrets import HIDDEN, looks_secret
from loadtests.plan.suggest import nearest
from loadtests.plan.yamlfile import Place

__all__ = ["Gap", "Substituted", "substitute"]

_REFERENCE = re.compile(r"\$(?P<escaped>\$)?\{(?P<name>[^}:]*)(?::-(?P<default>[^}]*))?(?P<odd>:[^}]*)?\}")
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Gap:
    """A reference without a value: where it stands, as what, and what would be right."""

    place: Place
    reference: str
    rule: str
    near: str | None = None


@dataclass(slots=True)
class Substituted:
    """The document with every reference replaced; `marks` holds texts with secrets hidden, by place."""

    value: Any = None
    marks: dict[Place, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


def substitute(document: Any, environ: Mapping[str, str]) -> Substituted:
    """The document as the environment fills it; an unset name without a default is a gap."""
    result = Substituted()
    result.value = _walk(document, (), (result, environ))
    return result


_Context = tuple[Substituted, Mapping[str, str]]


def _walk(value: Any, place: Place, context: _Context) -> Any:
    if isinstance(value, dict):
        return {key: _walk(child, (*place, key), context) for key, child in value.items()}
    if isinstance(value, list):
        return [_walk(child, (*place, position), context) for position, child in enumerate(value)]
    if isinstance(value, str) and "${" in value:
        return _filled(value, place, context)
    return value


def _filled(text: str, place: Place, context: _Context) -> str:
    result, environ = context
    clear, hidden, position = "", "", 0
    for found in _REFERENCE.finditer(text):
        literal = text[position : found.start()]
        position = found.end()
        value = found[0][1:] if found["escaped"] else _lookup(found, environ)
        if value is None:
            result.gaps.append(_gap(found, place, environ))
            value = ""
        secret = not found["escaped"] and bool(value) and looks_secret(found["name"])
        if secret:
            result.secrets.append(value)
        clear += literal + value
        hidden += literal + (HIDDEN if secret else value)
    clear, hidden = clear + text[position:], hidden + text[position:]
    if clear != hidden:
        result.marks[place] = hidden
    return clear


def _lookup(found: re.Match[str], environ: Mapping[str, str]) -> str | None:
    """The value, or the default where the name is unset or empty (as the shell's `:-` has it)."""
    if found["odd"] or not _NAME.fullmatch(found["name"]):
        return None
    if found["default"] is None:
        return environ.get(found["name"])
    return environ.get(found["name"]) or found["default"]


def _gap(found: re.Match[str], place: Place, environ: Mapping[str, str]) -> Gap:
    if found["odd"] or not _NAME.fullmatch(found["name"]):
        return Gap(place, found[0], "expected ${NAME} or ${NAME:-default}")
    close = nearest(found["name"], environ)
    rule = "the environment variable is not set; set it, or give a default: ${NAME:-default}"
    return Gap(place, found[0], rule, None if close is None else f"${{{close}}}")
