"""What can be claimed of a run: every metric of the threshold grammar, its unit, and which drivers measure it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from loadtests.plan.model import DriverName

__all__ = ["METRICS", "PHASE", "Metric", "Unit", "metric_named"]

Unit = Literal["ns", "ratio", "per_s", "bytes", "count"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, by its canonical name in `METRICS`.

    `example` is how a person writes it with its usual quantile; `drivers` are those that measure it, `None` all that it
    makes sense for. `whole`: it is of the whole scenario, never of one operation.
    """

    unit: Unit
    quantiles: bool = False
    usual: str = "p95"
    more_is_better: bool = False
    drivers: tuple[DriverName, ...] | None = None
    whole: bool = False


_HELD: tuple[DriverName, ...] = ("websocket",)
_POOLED: tuple[DriverName, ...] = ("database",)
_AGENT: tuple[DriverName, ...] = ("agent",)

PHASE = "phase"
"""A metric of its own for each phase that an agent names: `phase triage p95`."""

METRICS: Mapping[str, Metric] = {
    "latency": Metric("ns", quantiles=True),
    "mean": Metric("ns"),
    "max": Metric("ns"),
    "connect": Metric("ns", quantiles=True),
    "first byte": Metric("ns", quantiles=True),
    "lag": Metric("ns", quantiles=True, usual="p99", whole=True),
    "ping": Metric("ns", quantiles=True, drivers=_HELD, whole=True),
    "push": Metric("ns", quantiles=True, drivers=_HELD, whole=True),
    "delivery": Metric("ns", quantiles=True, drivers=_HELD),
    "first event": Metric("ns", quantiles=True, drivers=(*_HELD, *_AGENT)),
    "ttft": Metric("ns", quantiles=True, drivers=_AGENT),
    "token gap": Metric("ns", quantiles=True, usual="p99", drivers=_AGENT),
    "event gap": Metric("ns", quantiles=True, usual="p99", drivers=_AGENT),
    "queued": Metric("ns", quantiles=True, drivers=_AGENT),
    PHASE: Metric("ns", quantiles=True, drivers=_AGENT),
    "token rate": Metric("per_s", quantiles=True, usual="p5", more_is_better=True, drivers=_AGENT),
    "tokens": Metric("count", quantiles=True, drivers=_AGENT),
    "turns": Metric("count", quantiles=True, drivers=_AGENT),
    "tool calls": Metric("count", quantiles=True, drivers=_AGENT),
    "parallel": Metric("count", more_is_better=True, drivers=_AGENT, whole=True),
    "queue": Metric("count", drivers=_AGENT, whole=True),
    "errors": Metric("ratio"),
    "success": Metric("ratio", more_is_better=True),
    "timeouts": Metric("ratio"),
    "drops": Metric("ratio"),
    "connect failures": Metric("ratio", drivers=(*_HELD, *_POOLED), whole=True),
    "connection drops": Metric("ratio", drivers=(*_HELD, *_POOLED), whole=True),
    "lost": Metric("ratio", drivers=_HELD),
    "duplicated": Metric("ratio", drivers=_HELD),
    "out of order": Metric("ratio", drivers=_HELD),
    "reach": Metric("ratio", more_is_better=True, drivers=_HELD),
    "refusals": Metric("ratio", drivers=_AGENT),
    "goodput": Metric("ratio", more_is_better=True, drivers=_AGENT),
    "accuracy": Metric("ratio", more_is_better=True, drivers=_AGENT),
    "mixed up": Metric("ratio", drivers=_AGENT),
    "throughput": Metric("per_s"),
    "pool": Metric("ratio", drivers=_POOLED, whole=True),
    "deadlocks": Metric("count", drivers=_POOLED, whole=True),
    "target cpu": Metric("ratio", whole=True),
    "target pool": Metric("ratio", whole=True),
    "target memory": Metric("bytes", whole=True),
    "target lock wait": Metric("ns", whole=True),
}


def metric_named(name: str) -> Metric | None:
    """The metric of that canonical name; `None` when there is none."""
    return METRICS.get(PHASE if name.startswith(f"{PHASE} ") else name)
