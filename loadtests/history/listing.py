"""What lists and trends read from a history: columns, not counts, so that a thousand runs take no time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from loadtests.errors import UsageError
from loadtests.history.builds import by_build
from loadtests.history.kept import QUANTILES, Role
from loadtests.history.store import History, Selection
from loadtests.history.tables import HistogramRow, OperationRow, RunRow, ScenarioRow, ThresholdRow
from loadtests.history.trend import Level, Point, Trend, found_breaks, found_changes
from loadtests.judge.quantiles import QuantileFigure
from loadtests.judge.verdict import Outcome
from loadtests.plan.suggest import nearest
from loadtests.plan.thresholds import ThresholdError, parse_threshold
from loadtests.result.environment import comparability_facts
from loadtests.result.histogram import Histogram
from loadtests.result.hlog import decode_many
from loadtests.result.run import Environment
from loadtests.result.window import RESPONSE_OK

__all__ = ["read_trend", "scenarios_of"]

_BOUNDS = ("", "_low", "_high")
_FIGURES = [getattr(OperationRow, f"{label}{bound}_ns") for label in QUANTILES for bound in _BOUNDS]
_LEVELS: Mapping[tuple[str, float | None], str] = {
    ("errors", None): "failed",
    **{("latency", share): label for label, share in QUANTILES.items()},
}


def scenarios_of(history: History, selection: Selection) -> dict[str, list[Point]]:
    """The points of every scenario over its selected runs, the oldest first; the scenario with the newest run first."""
    found: dict[str, list[Point]] = {}
    with history.reading() as session:
        for row in session.execute(_points(selection, "total")):
            found.setdefault(row.scenario, []).append(_point(row))
    return {name: points[: selection.newest][::-1] for name, points in found.items()}


def read_trend(
    history: History,
    selection: Selection,
    operation: str | None = None,
    *,
    builds: bool = False,
    searched: int | None = None,
) -> Trend:
    """The trend of the selected scenario, by run or by `builds`; `UsageError` when there is no run of it.

    Change points are looked for among the newest `searched` points, or among all.
    """
    with history.reading() as session:
        rows, of = _rows(session, selection, operation)
        if not rows:
            raise UsageError(_nothing(session, selection, operation, str(history.address)))
        points = [_point(row) for row in reversed(rows)]
        if builds:
            points = by_build(points, _histograms(session, selection, operation, of))

        def differences(before: str, after: str) -> Sequence[str]:
            return _differences(session, selection.scenario or "", before, after)

        return Trend(
            scenario=selection.scenario or "",
            operation=operation,
            of=of,
            points=points,
            changes=found_changes(points, newest=searched),
            breaks=found_breaks(points, differences),
            levels=list(_levels(session, selection.scenario or "", points[-1].run_id, operation)),
            searched=searched if searched is not None and searched < len(points) else None,
        )


def _rows(session: Session, selection: Selection, operation: str | None) -> tuple[Sequence[Row[Any]], str]:
    """The rows of an operation, or of the total; where nothing was executed, of the connections held."""
    if operation is not None:
        chosen = _points(selection, "operation", "journey").where(OperationRow.name == operation)
        return session.execute(chosen.limit(selection.newest)).all(), "response time"
    rows = session.execute(_points(selection, "total").limit(selection.newest)).all()
    if not any(row.offered for row in rows):
        held = session.execute(_points(selection, "connections").limit(selection.newest)).all()
        if held:
            return held, "time to connect"
    return rows, "response time"


def _histograms(session: Session, selection: Selection, operation: str | None, of: str) -> dict[str, Histogram]:
    """The merged times of every selected run by its id."""
    connects = of == "time to connect"
    chosen = (
        select(RunRow.id, HistogramRow.payload)
        .join(ScenarioRow, ScenarioRow.run_id == RunRow.id)
        .join(OperationRow, OperationRow.scenario_id == ScenarioRow.id)
        .join(HistogramRow, HistogramRow.operation_id == OperationRow.id)
        .where(*selection.conditions(), HistogramRow.name == ("connect" if connects else RESPONSE_OK))
    )
    if operation is not None:
        chosen = chosen.where(OperationRow.name == operation, OperationRow.role.in_(("operation", "journey")))
    else:
        chosen = chosen.where(OperationRow.role == ("connections" if connects else "operation"))
    rows = session.execute(chosen).all()
    found: dict[str, list[Histogram]] = {}
    for (run_id, _), histogram in zip(rows, decode_many([row.payload.encode() for row in rows]), strict=True):
        found.setdefault(run_id, []).append(histogram)
    return {run_id: Histogram.merge(parts) for run_id, parts in found.items()}


def _points(selection: Selection, *roles: Role) -> "Select[*tuple[Any, ...]]":
    """The newest first."""
    return (
        select(
            RunRow.id.label("run_id"),
            RunRow.started_at,
            RunRow.build,
            RunRow.branch,
            ScenarioRow.name.label("scenario"),
            ScenarioRow.outcome,
            ScenarioRow.why,
            ScenarioRow.comparability,
            ScenarioRow.judged_s,
            OperationRow.ok,
            OperationRow.failed,
            OperationRow.offered,
            OperationRow.dropped,
            OperationRow.completed_ok,
            *_FIGURES,
        )
        .join(ScenarioRow, ScenarioRow.run_id == RunRow.id)
        .join(OperationRow, OperationRow.scenario_id == ScenarioRow.id)
        .where(OperationRow.role.in_(roles), *selection.conditions())
        .order_by(RunRow.started_at.desc(), RunRow.id.desc())
    )


def _point(row: Row[Any]) -> Point:
    named = row._mapping
    quantiles = {
        label: QuantileFigure(*(named[f"{label}{bound}_ns"] for bound in _BOUNDS))
        for label in QUANTILES
        if named[f"{label}_ns"] is not None
    }
    return Point(
        run_id=row.run_id,
        started_at=row.started_at,
        build=row.build,
        branch=row.branch,
        outcome=Outcome(row.outcome),
        why=row.why,
        comparability=row.comparability,
        quantiles=quantiles,
        ok=row.ok,
        failed=row.failed,
        offered=row.offered,
        dropped=row.dropped,
        completed_ok=row.completed_ok,
        judged_s=row.judged_s,
    )


def _differences(session: Session, scenario: str, before: str, after: str) -> list[str]:
    """How two runs of a scenario were made differently, in words."""
    chosen = select(RunRow.id, RunRow.plan, RunRow.environment).where(RunRow.id.in_((before, after)))
    facts = {
        row.id: comparability_facts(
            row.plan, Environment(row.environment["machine"], row.environment["versions"]), scenarios=[scenario]
        )
        for row in session.execute(chosen)
    }
    old, new = facts[before], facts[after]
    names = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    return [f"{name} {old.get(name, '(not there)')} → {new.get(name, '(not there)')}" for name in names]


def _levels(session: Session, scenario: str, run_id: str, operation: str | None) -> Iterator[Level]:
    """The limits that the newest run was judged by and that lie on a plotted metric."""
    chosen = (
        select(ThresholdRow.text)
        .join(ScenarioRow, ScenarioRow.id == ThresholdRow.scenario_id)
        .where(ScenarioRow.run_id == run_id, ScenarioRow.name == scenario)
        .order_by(ThresholdRow.position)
    )
    for text in session.scalars(chosen):
        try:
            found = parse_threshold(text)
        except ThresholdError:  # of a version whose grammar was another
            continue
        metric = _LEVELS.get((found.metric, found.quantile))
        if metric and found.operation == operation and not found.service and found.sliding_ns is None:
            yield Level(metric, text, found.limit)


def _nothing(session: Session, selection: Selection, operation: str | None, where: str) -> str:
    names = list(session.scalars(select(ScenarioRow.name).distinct().order_by(ScenarioRow.name)))
    if selection.scenario not in names:
        return f"no run of {selection.scenario!r} is recorded in {where}{_hint(selection.scenario, names)}"
    if operation is not None:
        held = select(OperationRow.name).join(ScenarioRow).where(ScenarioRow.name == selection.scenario)
        known = session.scalars(held.where(OperationRow.role.in_(("operation", "journey"))).distinct()).all()
        if operation not in known:
            return f"no operation {operation!r} of {selection.scenario} is recorded in {where}{_hint(operation, known)}"
    return f"no run of {selection.scenario} in {where} is as asked for: take away some of --branch, --build, --since"


def _hint(word: str | None, known: Sequence[str]) -> str:
    close = nearest(word, known)
    listed = f": there are {', '.join(known)}" if known else ": there is nothing in it yet"
    return f"{listed}; did you mean {close}?" if close else listed
