"""The tables of the history, as this version writes them. Older ones are brought here by `migrations`.

    loadtests_format ─ one row: the version of these tables
    loadtests_runs ─▶ loadtests_scenarios ─▶ loadtests_operations ─▶ loadtests_histograms
                                          └▶ loadtests_thresholds

All names begin with `loadtests_`, so that a team's database can hold other things too. Times are nanoseconds, shares
0..1. What is only ever read whole (plan, environment, health) is JSON; what is listed, filtered or plotted is a column.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Double, ForeignKey, Index, Integer, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

__all__ = [
    "FORMAT",
    "FormatRow",
    "HistogramRow",
    "OperationRow",
    "RunRow",
    "ScenarioRow",
    "Table",
    "ThresholdRow",
]

FORMAT = 1
"""The version of these tables. History of versions:

    1   first
"""


class _Moment(TypeDecorator[datetime]):
    """A moment in UTC, also where the database itself knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Dialect) -> datetime | None:
        """In UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _: Dialect) -> datetime | None:
        """With its time zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_Json = JSON().with_variant(JSONB(), "postgresql")


class Table(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own spelling
        datetime: _Moment,
        float: Double,
        dict[str, Any]: _Json,
        list[Any]: _Json,
    }


class FormatRow(Table):
    """The one row that says which version of the tables this is."""

    __tablename__ = "loadtests_format"

    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)


class RunRow(Table):
    """One run."""

    __tablename__ = "loadtests_runs"
    __table_args__ = (Index("ix_loadtests_runs_started_at", "started_at"),)

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    started_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    build: Mapped[str] = mapped_column(Text)
    branch: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20))
    outcome: Mapped[str] = mapped_column(String(20))
    why: Mapped[str] = mapped_column(Text)
    comparability: Mapped[str] = mapped_column(String(64))
    path: Mapped[str | None] = mapped_column(Text)
    plan: Mapped[dict[str, Any]]
    environment: Mapped[dict[str, Any]]
    warnings: Mapped[list[Any]]
    scenarios: Mapped[list["ScenarioRow"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="ScenarioRow.position"
    )


class ScenarioRow(Table):
    """One scenario of a run."""

    __tablename__ = "loadtests_scenarios"
    __table_args__ = (Index("ix_loadtests_scenarios_name", "name", "run_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("loadtests_runs.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    name: Mapped[str] = mapped_column(Text)
    driver: Mapped[str] = mapped_column(String(20))
    outcome: Mapped[str] = mapped_column(String(20))
    why: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20))
    started_at: Mapped[datetime]
    ended_s: Mapped[float | None]
    stop_reason: Mapped[str | None] = mapped_column(Text)
    judged_s: Mapped[float]
    comparability: Mapped[str] = mapped_column(String(64))
    health: Mapped[dict[str, Any]]
    processes: Mapped[dict[str, Any]]
    gauges: Mapped[list[Any]]
    operations: Mapped[list["OperationRow"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="OperationRow.position"
    )
    thresholds: Mapped[list["ThresholdRow"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="ThresholdRow.position"
    )


class OperationRow(Table):
    """One operation of a scenario, its total, its held connections or its generator: `role` says which.

    The percentiles are of what `kept.KeptOperation` says, each with its 95% bounds.
    """

    __tablename__ = "loadtests_operations"

    id: Mapped[int] = mapped_column(primary_key=True)
    scenario_id: Mapped[int] = mapped_column(ForeignKey("loadtests_scenarios.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(20))
    offered: Mapped[int] = mapped_column(BigInteger)
    ok: Mapped[int] = mapped_column(BigInteger)
    failed: Mapped[int] = mapped_column(BigInteger)
    dropped: Mapped[int] = mapped_column(BigInteger)
    completed_ok: Mapped[int] = mapped_column(BigInteger)
    p50_ns: Mapped[float | None]
    p50_low_ns: Mapped[float | None]
    p50_high_ns: Mapped[float | None]
    p95_ns: Mapped[float | None]
    p95_low_ns: Mapped[float | None]
    p95_high_ns: Mapped[float | None]
    p99_ns: Mapped[float | None]
    p99_low_ns: Mapped[float | None]
    p99_high_ns: Mapped[float | None]
    counters: Mapped[dict[str, Any]]
    dependence: Mapped[dict[str, Any]]
    histograms: Mapped[list["HistogramRow"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="HistogramRow.id"
    )


class HistogramRow(Table):
    """One merged histogram: an HdrHistogram V2 payload in base64, as any of its tools reads it; values in µs."""

    __tablename__ = "loadtests_histograms"

    id: Mapped[int] = mapped_column(primary_key=True)
    operation_id: Mapped[int] = mapped_column(ForeignKey("loadtests_operations.id", ondelete="CASCADE"), index=True)
    part: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(Text)
    total: Mapped[int] = mapped_column(BigInteger)
    clamped: Mapped[int] = mapped_column(BigInteger)
    payload: Mapped[str] = mapped_column(Text)


class ThresholdRow(Table):
    """One threshold and its verdict when the run was recorded; figures in `unit` (ns, ratio, per_s, bytes)."""

    __tablename__ = "loadtests_thresholds"

    id: Mapped[int] = mapped_column(primary_key=True)
    scenario_id: Mapped[int] = mapped_column(ForeignKey("loadtests_scenarios.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    clause: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(String(20))
    observed: Mapped[float | None]
    limit: Mapped[float] = mapped_column(Double)
    unit: Mapped[str] = mapped_column(String(10))
    low: Mapped[float | None]
    high: Mapped[float | None]
    samples: Mapped[int] = mapped_column(BigInteger)
    needed: Mapped[int | None] = mapped_column(BigInteger)
    why: Mapped[str] = mapped_column(Text)
