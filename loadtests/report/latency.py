"""One histogram in figures, with a mark where a quantile rests on too few samples."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadtests.report.wording import Figure, figure, values_of
from loadtests.result.histogram import Histogram

__all__ = ["LATENCY_COLUMNS", "Latency", "latency"]

LATENCY_COLUMNS = ("p50", "p90", "p95", "p99", "p99.9", "max", "mean")

_RISK = 0.05
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}


@dataclass(frozen=True, slots=True)
class Latency:
    """One histogram in figures, keyed by `LATENCY_COLUMNS`; a text that ends in `*` has too few samples to rest on."""

    samples: int
    figures: Mapping[str, Figure]

    def document(self) -> Mapping[str, Any]:
        """Its part of report.json."""
        return {**values_of(self.figures), "samples": self.samples}


def latency(histogram: Histogram) -> Latency:
    """The histogram in figures; a quantile that rests on too few samples for 95% confidence is marked with `*`."""
    samples = histogram.total
    figures = {name: _quantile(histogram, quantile, samples) for name, quantile in _QUANTILES.items()}
    figures["max"] = _from_us(histogram.max_us)
    figures["mean"] = _from_us(histogram.mean_us)
    return Latency(samples, {name: figures[name] for name in LATENCY_COLUMNS})


def _quantile(histogram: Histogram, quantile: float, samples: int) -> Figure:
    found = _from_us(histogram.quantile_us(quantile))
    needed = math.ceil(math.log(_RISK) / math.log(quantile))
    return Figure(found.value, f"{found.text}*") if 0 < samples < needed else found


def _from_us(value_us: float | None) -> Figure:
    return figure(None if value_us is None else value_us * 1000, "ns")
