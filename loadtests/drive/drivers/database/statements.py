"""Statements as the load loop sends them: prepared under a name, bound to the values of one execution."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from loadtests.drive.drivers.database.messages import (
    COPY_DONE,
    EXECUTE,
    SYNC,
    bind_head,
    binder,
    bound,
    copy_data,
)
from loadtests.plan.data import row, value
from loadtests.plan.model import Feeder
from loadtests.plan.protocol.database import CopyRows, RowCheck
from loadtests.plan.sql import Sql, writes
from loadtests.plan.template import Template

__all__ = ["Payload", "Prepared", "Statements", "fed_payload", "step_label"]

ROW = "row"
"""The variable that is the number of a copied row."""

_WORD = re.compile(r"\w+")

Payload = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement as it is prepared on each connection, under `name`; `operation` is the first that uses it.

    `bind` makes what executes it with the parameters given.
    """

    name: str
    sql: Sql
    operation: str
    bind: Callable[[Sequence[str | None]], bytes]


class Statements:
    """All statements of a scenario, each text once. `gives` has their columns by name once they have been prepared."""

    def __init__(self) -> None:
        self._by_text: dict[str, Prepared] = {}
        self._checks: list[tuple[str, Prepared, RowCheck]] = []
        self.gives: dict[str, tuple[str, ...]] = {}

    @property
    def all(self) -> list[Prepared]:
        """What every connection prepares."""
        return list(self._by_text.values())

    def add(self, sql: Sql, operation: str, *, check: RowCheck) -> Prepared:
        """The statement under which that text is prepared."""
        prepared = self._by_text.get(sql.text)
        if prepared is None:
            name = f"s{len(self._by_text)}"
            prepared = Prepared(name, sql, operation, binder(name, len(sql.parameters)))
            self._by_text[sql.text] = prepared
        self._checks.append((operation, prepared, check))
        return prepared

    def unknown_columns(self) -> list[str]:
        """What is wrong with the checks, now that the columns are known."""
        return [
            f"{operation}: the check speaks of {column}, which the statement does not give; "
            f"it gives {', '.join(self.gives[prepared.name]) or 'no columns'}"
            for operation, prepared, check in self._checks
            for column in check.values
            if column not in self.gives[prepared.name]
        ]

    def writing(self) -> list[Prepared]:
        """Those that need more than a read-only server, by the look of them."""
        return [prepared for prepared in self._by_text.values() if writes(prepared.sql.text)]


def step_label(number: int, sql: Sql) -> str:
    """What reports call one statement of several: its number and first words."""
    return f"{number} {' '.join(_WORD.findall(sql.text)[:3])}"[:40]


def fed_payload(prepared: Prepared, data: Mapping[str, Feeder], copy: CopyRows | None) -> Payload:
    """What executes a statement whose parameters are templates, as a function of the execution's index."""
    fillers = [_filler(text, data) for text in prepared.sql.parameters]
    if copy is not None:
        return _copied(bound(bind_head(prepared.name, 0), b"") + EXECUTE, copy, data)
    bind = prepared.bind
    if not fillers:
        fixed = bind(())
        return lambda _index: fixed
    if len(fillers) == 1:
        only = fillers[0]
        return lambda index: bind((only(index),))
    return lambda index: bind([fill(index) for fill in fillers])


def _filler(text: str, data: Mapping[str, Feeder]) -> Callable[[int], str]:
    template = Template.of(text)
    if template.literals == ("", ""):
        feeder = data[template.names[0]]
        return lambda index: value(feeder, index)
    names = sorted(set(template.names))
    if not names:
        return lambda _index: text
    return lambda index: template.render(row(data, names, index))


def _copied(start: bytes, copy: CopyRows, data: Mapping[str, Feeder]) -> Payload:
    """The rows go with the statement: the server passes over them when it refuses the copy."""
    template = Template.of(copy.row.rstrip("\n"))
    names, end, count = sorted(set(template.names) - {ROW}), COPY_DONE + SYNC, copy.count
    if not template.names:
        fixed = start + copy_data((template.render({}) + "\n").encode() * count) + end
        return lambda _index: fixed

    def payload(index: int) -> bytes:
        values = row(data, names, index)
        lines = [
            template.render({**values, ROW: str(index * count + number)}, escape=_copy_text) for number in range(count)
        ]
        return start + copy_data(("\n".join(lines) + "\n").encode()) + end

    return payload


def _copy_text(text: str) -> str:
    """A value in COPY's text format."""
    if "\\" in text or "\t" in text or "\n" in text or "\r" in text:
        return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return text
