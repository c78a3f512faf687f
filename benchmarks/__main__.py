"""`python -m benchmarks`: every benchmark with goals in turn, then one table of all of them.

Each is a command of its own that writes its section of RESULTS.md; the table here is read back from those sections, so
that `--table` gathers without measuring what was found last.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks.results import RESULTS, write_section
from benchmarks.table import markdown_table

__all__ = ["Section", "command", "goals_in"]

_ROOT = Path(__file__).parents[1]
_COMMANDS: Sequence[tuple[str, ...]] = (
    ("benchmarks.capacity", "--minutes", "2"),
    ("benchmarks.peers",),
    ("benchmarks.peers.websockets",),
    ("benchmarks.peers.database",),
    ("benchmarks.peers.agents",),
)
_HEADINGS = ("goal", "wanted", "reached", "")
_BY_MEASUREMENT = (0, 1, 3)
"""Exit codes of a benchmark that has measured: goals met, missed, not measurable."""

Section = tuple[str, Sequence[tuple[str, ...]]]


@click.command("benchmarks")
@click.option("--table", "only_table", is_flag=True, help="Measure nothing: gather what RESULTS.md holds.")
def command(*, only_table: bool) -> None:
    """Run all benchmarks that have goals, and show every goal with what was reached."""
    failed = [] if only_table else [module for module, *options in _COMMANDS if not _measured(module, options)]
    sections = goals_in(RESULTS.read_text())
    rows = [(title, *row) for title, goals in sections for row in goals]
    text = markdown_table(("benchmark", *_HEADINGS), rows, left=2)
    print(text)
    write_section("Goals", text)
    if failed:
        raise click.ClickException(f"{', '.join(failed)} did not end, so older figures stand for it")


def goals_in(document: str) -> list[Section]:
    """The rows of every goals table in a document, by the title of its section."""
    found: list[Section] = []
    for section in re.split(r"^## ", document, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        rows = [_cells(line) for line in body.splitlines() if line.startswith("|")]
        starts = [at for at, row in enumerate(rows) if row[1:] == _HEADINGS[1:] and row[0].startswith(_HEADINGS[0])]
        if starts:
            found.append((title.strip(), [row for row in rows[starts[0] + 2 :] if len(row) == len(_HEADINGS)]))
    return found


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip("|").split("|"))


def _measured(module: str, options: Sequence[str]) -> bool:
    """Run one, its output going to the terminal."""
    print(f"== {module}", file=sys.stderr, flush=True)
    ended = subprocess.run([sys.executable, "-m", module, *options, "--write"], cwd=_ROOT, check=False)
    return ended.returncode in _BY_MEASUREMENT


if __name__ == "__main__":
    command()
