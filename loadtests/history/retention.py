"""Which runs a history lets go of: all but the newest so many of every scenario, or all that are too old."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from loadtests.history.trend import Point

__all__ = ["surplus"]


def surplus(
    scenarios: Mapping[str, Sequence[Point]], *, newest: int | None = None, since: datetime | None = None
) -> dict[str, Point]:
    """By id the runs that go, the oldest first; `scenarios` holds each one's runs, the oldest first.

    A run is kept as long as it is among the `newest` of any scenario it holds, or began at `since` or later.
    """
    every = {point.run_id: point for points in scenarios.values() for point in points}
    kept = {point.run_id for points in scenarios.values() for point in _kept(points, newest=newest, since=since)}
    gone = [point for run_id, point in every.items() if run_id not in kept]
    return {point.run_id: point for point in sorted(gone, key=lambda point: (point.started_at, point.run_id))}


def _kept(points: Sequence[Point], *, newest: int | None, since: datetime | None) -> Sequence[Point]:
    if newest is not None:
        return points[len(points) - newest :] if newest < len(points) else points
    return [point for point in points if since is None or point.started_at >= since]
