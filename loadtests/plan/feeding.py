"""Reading `data`: feeders for `{{name}}`, and the tables they come from."""

import csv
from collections.abc import Sequence
from pathlib import Path

from loadtests.plan.chance import derive_seed
from loadtests.plan.document import FeederShape
from loadtests.plan.findings import Findings
from loadtests.plan.model import Feeder
from loadtests.plan.suggest import nearest
from loadtests.plan.template import Template
from loadtests.plan.yamlfile import Place

__all__ = ["read_feeders"]

_SOURCES = ("sequence", "random", "values", "file")


def read_feeders(
    findings: Findings, value: object, place: Place, *, seed: int, base: Path | None
) -> dict[str, Feeder | None]:
    """Feeders by the name they feed; `None` for names whose feeder could not be read, and `name.*` for unread tables.

    A table with several columns feeds `name.column` each, all from the same row. Tables are looked for below `base`;
    without it (a stored plan, read only to be judged) they are not opened and feed nothing.
    """
    fed: dict[str, Feeder | None] = {}
    for name, entry in findings.mapping(value, place, of="names and where their values come from").items():
        here = (*place, name)
        if not _is_name(name):
            findings.note(here, "expected a name of letters, digits and _, starting with a letter", quote=False)
        shape = findings.shape(FeederShape, entry, here)
        if shape is None or not _well_formed(findings, shape, here):
            fed |= {name: None, f"{name}.*": None}
        elif shape.file is not None:
            fed |= _table(findings, shape, here, seed=derive_seed(seed, name), base=base)
        else:
            fed[name] = _listed(shape, derive_seed(seed, name))
    return fed


def _is_name(name: str) -> bool:
    try:
        return Template.of("{{" + name + "}}").names == (name,) and "." not in name
    except ValueError:
        return False


def _well_formed(findings: Findings, shape: FeederShape, place: Place) -> bool:
    given = [source for source in _SOURCES if getattr(shape, source) is not None]
    if findings.damaged(place):
        return False
    if len(given) != 1:
        findings.note(place, f"expected exactly one of {', '.join(_SOURCES)}", quote=False)
    elif shape.order is not None and given[0] in ("sequence", "random"):
        findings.note((*place, "order"), "order is for values and file; write sequence or random with the range")
    elif shape.column is not None and shape.file is None:
        findings.note((*place, "column"), "column is for file")
    elif shape.values is not None and not shape.values:
        findings.note((*place, "values"), "expected at least one value")
    return not findings.damaged(place)


def _listed(shape: FeederShape, seed: int) -> Feeder:
    if shape.random is not None:
        return Feeder(shape.random, "random", seed)
    return Feeder(shape.sequence or shape.values, shape.order or "sequence", seed)


def _table(
    findings: Findings, shape: FeederShape, place: Place, *, seed: int, base: Path | None
) -> dict[str, Feeder | None]:
    name, order = str(place[-1]), shape.order or "sequence"
    if base is None:
        return {name: Feeder((), order, seed), f"{name}.*": None}
    try:
        columns = _columns(base / str(shape.file))
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        rule = "there is no such file beside the plan" if isinstance(error, FileNotFoundError) else _reason(error)
        findings.note((*place, "file"), rule)
        return {name: None, f"{name}.*": None}
    if shape.column is not None and shape.column not in columns:
        rule = f"the file has no such column; it has {', '.join(columns)}"
        findings.note((*place, "column"), rule, near=nearest(shape.column, columns))
        return {name: None, f"{name}.*": None}
    fed: dict[str, Feeder | None] = {f"{name}.{key}": Feeder(part, order, seed) for key, part in columns.items()}
    own = shape.column or (name if name in columns else next(iter(columns)) if len(columns) == 1 else None)
    return fed if own is None else {**fed, name: Feeder(columns[own], order, seed)}


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "the file is not UTF-8 text"
    return str(error) if type(error) is ValueError else f"the file cannot be read: {error}"


def _columns(path: Path) -> dict[str, Sequence[str]]:
    """The columns of a CSV file by the names in its first row."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file, strict=True) if row]
    if len(rows) < 2:
        raise ValueError("expected a row of column names and at least one row of values")
    head = [name.strip() for name in rows[0]]
    if len(set(head)) != len(head):
        raise ValueError("two columns have the same name")
    odd = next((number for number, row in enumerate(rows[1:], start=2) if len(row) != len(head)), None)
    if odd is not None:
        raise ValueError(f"row {odd} has {len(rows[odd - 1])} values where the first has {len(head)} columns")
    return dict(zip(head, zip(*rows[1:], strict=True), strict=True))
