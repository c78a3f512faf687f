"""Runs by name that are kept without their directories: `history:RUN_ID`, `build:NAME`, `baseline:NAME`."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from loadtests.cli.options import address
from loadtests.errors import UsageError

if TYPE_CHECKING:
    from loadtests.history.kept import KeptRun

__all__ = ["KINDS", "kept_run", "kept_runs"]


def kept_runs(text: str, database: str | None = None) -> "Sequence[KeptRun] | None":
    """The runs that `text` names, the oldest first; `None` when it does not begin as such a name does."""
    kind, colon, name = text.partition(":")
    read = KINDS.get(kind) if colon else None
    return None if read is None else read(name.strip(), database)


def kept_run(text: str, database: str | None = None) -> "KeptRun | None":
    """As `kept_runs`, where one run is meant."""
    found = kept_runs(text, database)
    if found is not None and len(found) > 1:
        raise UsageError(f"{text} names {len(found)} runs, expected one: such as history:{found[-1].id}")
    return None if found is None else found[0]


def _of_history(name: str, database: str | None) -> "Sequence[KeptRun]":
    from loadtests.history.store import History

    return [History.existing(address(database)).run(name)]


def _of_build(name: str, database: str | None) -> "Sequence[KeptRun]":
    from loadtests.history.store import History, Selection

    history = History.existing(address(database))
    found = history.runs(Selection(build=name))
    if not found:
        raise UsageError(f"no run of build {name!r} is recorded in {history.address}{history.nearest_build(name)}")
    return found


def _of_baseline(name: str, _: str | None) -> "Sequence[KeptRun]":
    from loadtests.history.baseline import read_baseline

    return [read_baseline(name).kept]


KINDS: "Mapping[str, Callable[[str, str | None], Sequence[KeptRun]]]" = {
    "history": _of_history,
    "build": _of_build,
    "baseline": _of_baseline,
}
"""What may stand before the colon."""
