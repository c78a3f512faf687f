"""The history as a place: runs go in once each, are found again by what they were, and leave when asked to."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from loadtests.errors import HistoryUnusable, UsageError
from loadtests.history.address import Address
from loadtests.history.database import compact, connected, engine_of
from loadtests.history.kept import KeptRun
from loadtests.history.migrations import bring_up_to_date, format_of
from loadtests.history.rows import kept_of, rows_of
from loadtests.history.tables import FORMAT, OperationRow, RunRow, ScenarioRow
from loadtests.plan.suggest import nearest

__all__ = ["History", "Selection"]

_ASKED_AT_ONCE = 500  # parameters of one statement; SQLite allows few


@dataclass(frozen=True, slots=True)
class Selection:
    """Which runs are meant: every condition that is given must hold; of those, the `newest` so many."""

    scenario: str | None = None
    branch: str | None = None
    build: str | None = None
    since: datetime | None = None
    newest: int | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """As SQL, over runs joined with their scenarios."""
        given = (
            (ScenarioRow.name, self.scenario),
            (RunRow.branch, self.branch),
            (RunRow.build, self.build),
        )
        yield from (column == value for column, value in given if value is not None)
        if self.since is not None:
            yield RunRow.started_at >= self.since


class History:
    """A history that has the tables of this version."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._engine = engine_of(address)

    @classmethod
    def open(cls, address: Address) -> "History":
        """The history at `address`, made when there is none, brought up to date when it is older."""
        found = cls(address)
        _make_room(address)
        with found.reading() as session:
            version = format_of(session.connection())
        if version != FORMAT:
            with found._writing() as session:
                bring_up_to_date(session.connection(), str(address))
        return found

    @classmethod
    def existing(cls, address: Address) -> "History":
        """As `open`, but `HistoryUnusable` when nothing was ever recorded there."""
        if address.file is not None and not address.file.exists():
            raise HistoryUnusable(
                str(address),
                "there is none yet; `loadtests run` records every run, and `loadtests history add RUN…` stored ones",
            )
        return cls.open(address)

    def add(self, kept: KeptRun, *, replace: bool = False) -> bool:
        """Record a run; false when it is there already, which leaves it as it was unless `replace`."""
        with self._writing() as session:
            if replace:
                session.execute(delete(RunRow).where(RunRow.id == kept.id))
            elif session.scalar(select(RunRow.id).where(RunRow.id == kept.id)) is not None:
                return False
            try:
                with session.begin_nested():
                    session.add(rows_of(kept))
            except IntegrityError:  # another process was first, just now
                return False
        return True

    def run(self, name: str) -> KeptRun:
        """The run of that id, or the only one whose id begins so; `UsageError` when there is none, or several."""
        with self.reading() as session:
            found = self._named(session, name)
            return kept_of(session.scalars(_whole().where(RunRow.id == found)).one())

    def runs(self, selection: Selection) -> list[KeptRun]:
        """The selected runs with all their counts, the oldest first."""
        with self.reading() as session:
            chosen = select(RunRow.id).join(RunRow.scenarios).where(*selection.conditions()).distinct()
            rows = session.scalars(
                _whole().where(RunRow.id.in_(chosen)).order_by(RunRow.started_at.desc()).limit(selection.newest)
            )
            return [kept_of(row) for row in reversed(rows.all())]

    def nearest_build(self, name: str) -> str:
        """A hint at the builds there are, to be put behind a sentence that misses one."""
        with self.reading() as session:
            newest = select(RunRow.build).group_by(RunRow.build).order_by(func.max(RunRow.started_at).desc())
            known = session.scalars(newest).all()
        close = nearest(name, known)
        listed = f": the newest are {', '.join(known[:3])}" if known else ""
        return listed + (f"; did you mean {close}?" if close else "")

    def remove(self, ids: Collection[str]) -> int:
        """Forget these runs with all that was kept of them, and give the room back; gives how many were there."""
        listed, removed = sorted(ids), 0
        with self._writing() as session:
            for start in range(0, len(listed), _ASKED_AT_ONCE):
                part = delete(RunRow).where(RunRow.id.in_(listed[start : start + _ASKED_AT_ONCE]))
                removed += session.execute(part).rowcount  # type: ignore[attr-defined]
        if removed:
            with suppress(HistoryUnusable):  # others may be at work: the room is used again all the same
                compact(self._engine, self.address)
        return removed

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that sees one state of the history and changes nothing."""
        with connected(self._engine, self.address, writes=False) as connection, Session(connection) as session:
            yield session

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        with connected(self._engine, self.address, writes=True) as connection, Session(connection) as session:
            yield session
            session.flush()

    def _named(self, session: Session, name: str) -> str:
        found: Sequence[str] = session.scalars(
            select(RunRow.id).where(RunRow.id.startswith(name, autoescape=True)).order_by(RunRow.id).limit(4)
        ).all()
        if name in found or len(found) == 1:
            return name if name in found else found[0]
        if not found:
            newest = session.scalar(select(RunRow.id).order_by(RunRow.started_at.desc()).limit(1))
            hint = f"; the newest is {newest}" if newest else ""
            raise UsageError(f"no run {name!r} is recorded in {self.address}{hint}")
        raise UsageError(f"{name!r} is the beginning of several runs in {self.address}: {', '.join(found[:3])}, …")


def _whole() -> Select[RunRow]:
    scenarios = selectinload(RunRow.scenarios)
    return select(RunRow).options(
        scenarios.selectinload(ScenarioRow.operations).selectinload(OperationRow.histograms),
        scenarios.selectinload(ScenarioRow.thresholds),
    )


def _make_room(address: Address) -> None:
    if address.file is None:
        return
    try:
        address.file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HistoryUnusable(str(address), (error.strerror or str(error)).lower()) from error
