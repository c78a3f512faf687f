"""Whether a result is good: a plan's `RowCheck`, compiled once and asked per answer."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from loadtests.drive.drivers.database.messages import Answer, row_values
from loadtests.drive.drivers.failure import Failure
from loadtests.plan.data import row
from loadtests.plan.model import Feeder
from loadtests.plan.protocol.database import RowCheck
from loadtests.plan.template import Template, names_in

__all__ = ["RowJudge"]

Wanted = Callable[[Mapping[str, str]], str | None]


class RowJudge:
    """Decides on answers of one statement. `reads_rows`: their rows must be kept. `columns` are told when known."""

    def __init__(self, check: RowCheck, data: Mapping[str, Feeder]) -> None:
        self.reads_rows = bool(check.values)
        self.columns: Sequence[str] = ()
        self._rows, self._data = check.rows, data
        self._names = sorted(names_in(check.values))
        self._wanted = {column: _wanted(value) for column, value in check.values.items()}

    def fault(self, answer: Answer, index: int) -> Failure | None:
        """What is wrong with an answer that is no error, to execution `index`."""
        if self._rows is not None:
            fewest, most = self._rows
            affected = answer.affected
            if affected is None or affected < fewest or (most is not None and affected > most):
                return Failure("check", f"{_told(affected)}, expected {_range(fewest, most)}")
        return self._value_fault(answer, index) if self.reads_rows else None

    def _value_fault(self, answer: Answer, index: int) -> Failure | None:
        if not answer.rows:
            return Failure("check", f"no row, expected one with {', '.join(self._wanted)}")
        values = row(self._data, self._names, index)
        expected = {column: wanted(values) for column, wanted in self._wanted.items()}
        for number, raw in enumerate(answer.rows, start=1):
            found = dict(zip(self.columns, row_values(raw), strict=False))
            for column, wanted in expected.items():
                got = found.get(column)
                if not _equal(got, wanted):
                    where = f"row {number}: " if len(answer.rows) > 1 else ""
                    return Failure("check", f"{where}{column} is {_shown(got)}, expected {_shown(wanted)}")
        return None


def _wanted(value: Any) -> Wanted:
    """The value in PostgreSQL's text form."""
    if value is None:
        return lambda _values: None
    if isinstance(value, bool):
        text = "t" if value else "f"
        return lambda _values: text
    template = Template.of(str(value))
    return lambda values: template.render(values)


def _equal(found: str | None, wanted: str | None) -> bool:
    if found == wanted or found is None or wanted is None:
        return found == wanted
    try:
        return Decimal(found) == Decimal(wanted)  # 10.00 is 10
    except InvalidOperation:
        return False


def _told(affected: int | None) -> str:
    return "no count of rows" if affected is None else f"{affected} row{'' if affected == 1 else 's'}"


def _range(fewest: int, most: int | None) -> str:
    if most is None:
        return f"at least {fewest}"
    return str(fewest) if fewest == most else f"{fewest} to {most}"


def _shown(value: str | None) -> str:
    return "null" if value is None else repr(value[:60])
