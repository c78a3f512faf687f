"""How a row of truth and report is written."""

from benchmarks.accuracy.comparison import Row
from loadtests.units import format_duration

__all__ = ["cells"]


def cells(row: Row) -> tuple[str, ...]:
    """Quantity, truth, reported, error, allowed, and whether it holds."""
    values = (row.truth, row.reported, row.error, row.allowed)
    return (row.quantity, *(_text(value, row.unit) for value in values), row.state)


def _text(value: float | None, unit: str) -> str:
    if value is None:
        return "no data"
    if unit == "ns":
        return f"{'-' if value < 0 else ''}{format_duration(abs(value), digits=4)}"
    return f"{value:,.0f}" if unit == "count" else f"{value:,.1f}/s"
