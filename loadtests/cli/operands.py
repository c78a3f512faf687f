"""What the words BASE and CANDIDATE of `loadtests compare` may stand for.

- a run directory;
- a directory of run directories: all runs in it;
- a pattern, `'reports/*-api-*'`: all runs whose directory matches;
- `baseline:NAME`, `build:NAME`, `history:RUN_ID`: what is kept of runs, without windows;
- several of these with commas between.
"""

from collections.abc import Sequence
from pathlib import Path

import click

from loadtests.cli.kept import kept_runs
from loadtests.errors import UsageError
from loadtests.judge.operands import Operand
from loadtests.judge.record import RunRecord, records_of
from loadtests.result.manifest import MANIFEST
from loadtests.result.rundir import read_run

__all__ = ["operand"]

_PATTERN = frozenset("*?[")


def operand(text: str, *, database: str | None = None) -> Operand:
    """The runs that `text` names; `UsageError` when it names none, or the same one twice.

    `database` is the history that builds and recorded runs are looked for in.
    """
    records = [record for part in text.split(",") if part.strip() for record in _records(part.strip(), database)]
    if not records:
        raise UsageError(f"no run is named {text!r}: expected {_EXPECTED}")
    held = [(record.run_id, record.scenario) for record in records]
    twice = next((run for run, scenario in held if held.count((run, scenario)) > 1), None)
    if twice is not None:
        raise UsageError(f"{text}: run {twice} is named twice, and would count twice")
    return Operand(text, sorted(records, key=lambda record: (record.started_at, record.run_id)))


def _records(part: str, database: str | None) -> Sequence[RunRecord]:
    """The first reading of a name that finds something; each gives `None` for a name that is none of its own."""
    found = _kept(part, database)
    if found is None:
        found = _directories(part)
    if found is None:
        raise UsageError(f"no run is named {part!r}: expected {_EXPECTED}")
    return found


def _directories(part: str) -> Sequence[RunRecord] | None:
    """The runs in a directory, or in those that match; `None` when there is no such thing."""
    path = Path(part)
    if (path / MANIFEST).exists():
        return records_of(read_run(path))
    candidates = sorted(_matching(path) if _PATTERN & set(part) else path.glob("*/"))
    runs = [each for each in candidates if (each / MANIFEST).exists() and not each.is_symlink()]
    return [record for each in runs for record in records_of(read_run(each))] or None


def _matching(pattern: Path) -> Sequence[Path]:
    root = Path(pattern.anchor or ".")
    return list(root.glob(str(pattern.relative_to(pattern.anchor)) if pattern.anchor else str(pattern)))


def _kept(part: str, database: str | None) -> Sequence[RunRecord] | None:
    """The runs that a baseline or the history keeps; of a build without those that are INVALID, which is told."""
    found = kept_runs(part, database)
    if found is None:
        return None
    from loadtests.history.replay import records_of as records_of_kept

    records = [record for run in found for record in records_of_kept(run)]
    sound = [record for record in records if record.invalid is None]
    if len(found) == 1 or not sound:
        return records
    for record in records:
        if record.invalid is not None:
            click.echo(f"{part}: without run {record.run_id} ({record.scenario}): {record.invalid}", err=True)
    return sound


_EXPECTED = (
    "a run directory, a directory of them, a pattern such as 'reports/*-api-*', baseline:NAME, build:NAME, "
    "or history:RUN_ID"
)
