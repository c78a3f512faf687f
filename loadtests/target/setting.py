"""Settings of the dial as they are written: names with texts, parsed by a table, every mistake told at once."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["of_text", "parse_entries", "parse_settings", "written"]

_T = TypeVar("_T")


def parse_settings(
    dialled: Mapping[str, object], parsers: Mapping[str, Callable[[object], object]]
) -> dict[str, object]:
    """Each name's value, None when left out; raises `ValueError` with every mistake in one sentence each."""
    mistakes = [f"{name!r:.80}: expected one of {', '.join(parsers)}" for name in dialled if name not in parsers]
    parsed: dict[str, object] = {}
    for name, parse in parsers.items():
        value = dialled.get(name)
        try:
            parsed[name] = None if value is None else parse(value)
        except ValueError as mistake:
            mistakes.append(f"{name}: {mistake} (got {value!r:.80})")
    if mistakes:
        raise ValueError("; ".join(mistakes))
    return parsed


def parse_entries(value: object, *, example: str) -> Mapping[str, object]:
    """Names with settings, from an object or from one text such as `example`; raises `ValueError`."""
    if isinstance(value, str):
        return _entries(value, example)
    if not isinstance(value, Mapping):
        name, _, setting = example.partition(";")[0].partition(" ")
        raise ValueError(f'expected an object such as {{"{name}": "{setting}"}}, or text such as {example}')
    return value


def _entries(text: str, example: str) -> dict[str, object]:
    entries: dict[str, object] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, _, setting = part.partition(" ")
        if name in entries:
            raise ValueError(f"expected each name once, {name} is there twice")
        entries[name] = setting
    if not entries:
        raise ValueError(f"expected names with settings such as {example}")
    return entries


def written(setting: "DataclassInstance") -> dict[str, str | None]:
    """The texts a setting was dialled with, by name, which `parse_settings` reads again; None for what is off."""
    values = {field.name: getattr(setting, field.name) for field in fields(setting)}
    return {name: None if value is None else value.text for name, value in values.items()}


def of_text(parse: Callable[[str], _T], example: str) -> Callable[[object], _T]:
    """A parser of texts made to refuse anything else."""

    def parse_text(value: object) -> _T:
        if not isinstance(value, str):
            raise ValueError(f"expected text such as {example}")
        return parse(value)

    return parse_text
