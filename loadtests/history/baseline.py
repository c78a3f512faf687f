"""Accepted baselines: one file each under `reports/baselines/`, committed, to be read by people and compared with runs.

The file is JSON with figures for people at the top and one histogram a line at the bottom, so that a change of the
baseline is a small and readable difference. Schema `loadtests.baseline/1`. History of versions:

    1   first
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loadtests.errors import RunUnreadable, UsageError
from loadtests.history.document import kept_from, kept_to
from loadtests.history.kept import KeptRun
from loadtests.judge.verdict import Outcome
from loadtests.plan.suggest import nearest
from loadtests.result.files import atomic_write

__all__ = ["DIRECTORY", "SCHEMA", "Baseline", "accept", "baselines", "read_baseline"]

SCHEMA = "loadtests.baseline/1"
DIRECTORY = Path("reports/baselines")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Baseline:
    """A run that others are compared with; `forced` is what was to be said against it, and was overruled."""

    name: str
    accepted_at: datetime
    forced: str | None
    kept: KeptRun


def accept(
    kept: KeptRun, name: str, *, directory: Path = DIRECTORY, force: bool = False, replace: bool = False
) -> tuple[Path, Baseline]:
    """Make the run the baseline of that name, and give its file.

    `UsageError` for a run that failed or cannot be judged, unless `force`: then the file says so. The same for a name
    that is taken, unless `replace`.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"expected a name of letters, digits, dots, dashes and underscores (got {name!r})")
    objection = _objection(kept)
    if objection is not None and not force:
        raise UsageError(f"run {kept.id} is no baseline: {objection}; --force accepts it all the same, and says so")
    file = directory / f"{name}{_SUFFIX}"
    if file.exists() and not replace:
        raise UsageError(f"{file} is there already{_of_run(file)}; --replace puts this run in its place")
    baseline = Baseline(name, datetime.now(UTC).replace(microsecond=0), objection, kept)
    directory.mkdir(parents=True, exist_ok=True)
    atomic_write(file, _text(baseline))
    return file, baseline


def read_baseline(name: str, *, directory: Path = DIRECTORY) -> Baseline:
    """The baseline of that name; `UsageError` when there is none, `RunUnreadable` when its file cannot be used."""
    file = directory / f"{name}{_SUFFIX}"
    if not _NAME.fullmatch(name) or not file.exists():
        known = [one.stem for one in _files(directory)]
        close = nearest(name, known)
        listed = f"there are {', '.join(known)}" if known else "there is none yet: loadtests baseline accept RUN"
        raise UsageError(
            f"no baseline {name!r} in {directory}: {listed}" + (f"; did you mean {close}?" if close else "")
        )
    return _read(file)


def baselines(directory: Path = DIRECTORY) -> list[Baseline]:
    """All accepted baselines by name."""
    return [_read(file) for file in _files(directory)]


def _files(directory: Path) -> list[Path]:
    return sorted(directory.glob(f"*{_SUFFIX}"))


def _objection(kept: KeptRun) -> str | None:
    if kept.outcome in (Outcome.INVALID, Outcome.FAIL):
        return f"its verdict is {kept.outcome.value.upper()}: {kept.why}"
    return None


def _of_run(file: Path) -> str:
    try:
        found = _read(file)
    except RunUnreadable:
        return ""
    return f" (run {found.kept.id} of build {found.kept.build})"


def _read(file: Path) -> Baseline:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        schema = data["schema"]
        if schema != SCHEMA:
            raise RunUnreadable(str(file), f"it has schema {schema!r}, this version reads {SCHEMA!r}")
        accepted_at = datetime.fromisoformat(data["accepted_at"])
        return Baseline(file.stem, accepted_at, data["forced"], kept_from(data))
    except OSError as error:
        raise RunUnreadable(str(file), (error.strerror or str(error)).lower()) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        said = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise RunUnreadable(
            str(file), f"it is damaged: {said}; git has an earlier one, or accept a run again"
        ) from error


def _text(baseline: Baseline) -> str:
    head = {"schema": SCHEMA, "accepted_at": baseline.accepted_at.isoformat(), "forced": baseline.forced}
    return "\n".join(_lines(head | kept_to(baseline.kept), "")) + "\n"


def _lines(value: Any, indent: str) -> Iterator[str]:
    """JSON with every object and every list of objects spread over lines, and anything smaller on one."""
    if isinstance(value, Mapping) and any(isinstance(part, Mapping | list) for part in value.values()):
        parts = [(f"{json.dumps(name, ensure_ascii=False)}: ", part) for name, part in value.items()]
        yield from _spread("{", parts, "}", indent)
    elif _holds_objects(value):
        yield from _spread("[", [("", part) for part in value], "]", indent)
    else:
        yield json.dumps(value, ensure_ascii=False)


def _holds_objects(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(part, Mapping) for part in value)


def _spread(begin: str, parts: Sequence[tuple[str, Any]], end: str, indent: str) -> Iterator[str]:
    inner = indent + "  "
    yield begin
    for number, (prefix, part) in enumerate(parts, start=1):
        first, *rest = _lines(part, inner)
        whole = [f"{inner}{prefix}{first}", *rest]
        yield from whole[:-1]
        yield whole[-1] + ("," if number < len(parts) else "")
    yield indent + end
