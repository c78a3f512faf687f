"""Printing in a terminal: text and tables that fit 100 columns and read the same without colour."""

from collections.abc import Callable, Sequence
from io import StringIO
from typing import TYPE_CHECKING, TextIO

from loadtests.report.wording import Sign, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["COLUMNS", "add_row", "headline", "line", "print_table", "printed", "style_of", "table"]

COLUMNS = 100

_STYLES = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow", "invalid": "bold magenta"}
_STYLES |= {"same": "bold green", "improved": "bold green", "regressed": "bold red", "descriptive": "bold"}


def printed(draw: "Callable[[Console], None]", out: TextIO) -> None:
    """Write to `out` what `draw` puts on a console."""
    drawn = StringIO()
    draw(_console(drawn, out))
    out.write(_writable("".join(f"{text.rstrip()}\n" for text in drawn.getvalue().splitlines()), out))


def style_of(shown: Sign) -> str:
    """The colour of an outcome, where there are colours."""
    return _STYLES[shown.key]


def headline(console: "Console", shown: Sign, text: str) -> None:
    """An outcome and what it is of."""
    from rich.text import Text

    console.print(Text.assemble((str(shown), style_of(shown)), "  ", visible(text)))


def line(console: "Console", text: str) -> None:
    """A line of text, indented."""
    from rich.padding import Padding
    from rich.text import Text

    console.print(Padding(Text(visible(text)), (0, 0, 0, 2), expand=False))


def table(heads: Sequence[tuple[str, str]]) -> "Table":
    """An empty table by its heads; a second part that is not empty sets a column of numbers to the right."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name, kind in heads:
        made.add_column(name, justify="right" if kind else "left", no_wrap=bool(kind), overflow="fold")
    return made


def add_row(table: "Table", cells: Sequence[str], *, style: str) -> None:
    """A row, its first cell in that style."""
    from rich.text import Text

    first, *rest = cells
    table.add_row(Text(visible(first), style=style), *(Text(visible(cell)) for cell in rest))


def print_table(console: "Console", table: "Table") -> None:
    """The table, indented, below an empty line."""
    from rich.padding import Padding

    console.print(Padding(table, (1, 0, 0, 2), expand=False))


def _console(drawn: StringIO, out: TextIO) -> "Console":
    from rich.console import Console

    return Console(
        file=drawn,
        width=COLUMNS,
        force_terminal=out.isatty(),
        legacy_windows=False,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=False,
    )


def _writable(text: str, out: TextIO) -> str:
    encoding = getattr(out, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
