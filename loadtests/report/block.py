"""What one kind of driver adds to a scenario's part of the report, said once for every format.

A driver's block is two files: a module with its facts and the function that finds them in a run (listed in
`blocks.py`), and `templates/blocks/<key>.j2`, which prints them in HTML as `block`. Other formats print what is here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from loadtests.report.chart import Drawn

__all__ = ["Block", "Line", "Table"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line about `name`; `scope` says what it is of, where that is not the steady interval."""

    name: str
    text: str
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under their heads; `numbers` are the columns that stand to the right."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int]


class Block(Protocol):
    """The facts of one driver about one scenario."""

    @property
    def key(self) -> str:
        """Its key in a scenario of report.json and the name of its template part."""

    @property
    def lines(self) -> Sequence[Line]:
        """What a terminal, JUnit and the summary say of it."""

    @property
    def tables(self) -> Sequence[Table]:
        """What the summary adds to the lines."""

    @property
    def charts(self) -> Sequence[Drawn]:
        """Drawings over the seconds of the run, beside those of every scenario."""

    def document(self) -> Mapping[str, Any]:
        """Its part of report.json."""
