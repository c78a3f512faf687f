"""The grammar of thresholds: sentences that must hold, and `Threshold` values, each way.

    threshold  = [ operation ":" ] claim [ "for" duration ] [ "abort" [ "after" duration ] ] [ "[" clause "]" ]
    claim      = [ "service" ] latency-metric compare duration
               | quantile-metric quantile compare duration      connect p95 < 20ms
               | share-metric compare share                     errors < 1%
               | "throughput" compare rate
               | "deadlocks" | "queue" | "parallel" compare number     parallel >= 10
               | "target" gauge compare amount                  target cpu < 70%
    latency-metric  = quantile | "mean" | "max"
    quantile        = "p" number        above 0, below 100: p50, p99.9
    quantile-metric = "connect" | "first byte" | "lag" | "ping" | "push" | "delivery" | "first event"
                    | "ttft" | "token gap" | "event gap" | "queued" | "phase" name     (durations)
                    | "token rate" (a rate) | "tokens" | "turns" | "tool calls"     (numbers)
    share-metric    = "errors" | "success" | "timeouts" | "drops"
                    | "connect failures" | "connection drops" | "lost" | "duplicated" | "out of order" | "reach"
                    | "pool" | "refusals" | "goodput" | "accuracy" | "mixed up"
    gauge           = "cpu" | "pool"  (a share) | "memory" (a size) | "lock wait" (a duration)
    compare         = "<" | "<=" | ">" | ">="

`operation` is everything before the last colon. `for 30s` asks it of every 30-second window of the steady interval, not
only of the whole. `abort after 10s` ends the run when it is missed, from 10 s on. `clause` names the demand it meets.
"""

import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from loadtests.plan.metrics import METRICS, PHASE, Metric, Unit, metric_named
from loadtests.plan.model import Abort, Threshold
from loadtests.units import parse_duration_ns, parse_number, parse_rate, parse_ratio, parse_size

__all__ = [
    "WRITTEN",
    "ThresholdError",
    "format_threshold",
    "parse_threshold",
    "samples_needed",
    "trials_needed",
    "write_duration",
]

Comparison = Literal["<", "<=", ">", ">="]

_LATENCY = ("latency", "mean", "max")
_NAMELESS = ("latency", PHASE)
WRITTEN = (
    *("p50", "p90", "p95", "p99", "p99.9"),
    *(f"{name} {one.usual}" if one.quantiles else name for name, one in METRICS.items() if name not in _NAMELESS),
    f"{PHASE} triage p95",
)
"""Every metric as a person writes it, with the usual quantiles: for messages and for the schema."""

_CLAUSE = re.compile(r"\s*\[\s*([\w][\w ./-]*?)\s*\]\s*$")
_ABORT = re.compile(r"\s+abort(?:\s+after\s+(?P<delay>[^:<>=]+?))?\s*$")
_FOR = re.compile(r"\s+for\s+(?P<sliding>[^:<>=]+?)\s*$")
_CLAIM = re.compile(r"(?P<metric>[^<>=]*?)\s*(?P<comparison><=|>=|<|>)\s*(?P<value>[^<>=]+)")
_QUANTILE = re.compile(r"(?:(?P<family>.+?) )?p(?P<number>\d+(?:\.\d+)?)")
_CONFIDENCE = 0.95


_PARSERS: Mapping[Unit, Callable[[str], float]] = {
    "ns": parse_duration_ns,
    "ratio": parse_ratio,
    "per_s": parse_rate,
    "bytes": parse_size,
    "count": parse_number,
}


class ThresholdError(ValueError):
    """A sentence that is no threshold; `rule` says what was expected, `nearest` the closest valid spelling."""

    def __init__(self, rule: str, nearest: str | None = None) -> None:
        super().__init__(rule)
        self.rule = rule
        self.nearest = nearest


def parse_threshold(text: str) -> Threshold:
    """The threshold that the sentence means; raises `ThresholdError`.

    Its `text` is the sentence in canonical spelling without the clause, so that equal thresholds read alike.
    """
    rest, clause = _cut(_CLAUSE, text, 1)
    aborting = _ABORT.search(rest)
    rest = rest[: aborting.start()] if aborting else rest
    rest, sliding = _cut(_FOR, rest, "sliding")
    operation, colon, claim = rest.rpartition(":")
    found = _CLAIM.fullmatch(claim.strip())
    if found is None or (colon and not operation.strip()):
        raise ThresholdError("expected a sentence such as p99 < 2s, errors < 1%, execute: p95 < 1s")
    service, metric, quantile = _metric(" ".join(found["metric"].split()))
    comparison: Comparison = found["comparison"]  # type: ignore[assignment]
    unit = _known(metric).unit
    draft = Threshold(
        text="",
        metric=metric,
        comparison=comparison,
        limit=_amount(found["value"].strip(), unit),
        unit=unit,
        quantile=quantile,
        operation=operation.strip() or None,
        service=service,
        sliding_ns=None if sliding is None else _span(sliding, "for"),
        abort=None if aborting is None else Abort(_span(aborting["delay"] or "0", "abort after")),
        clause=clause,
    )
    return replace(draft, text=_sentence(draft))


def format_threshold(threshold: Threshold) -> str:
    """The canonical sentence; `parse_threshold` reads it back equal."""
    clause = "" if threshold.clause is None else f" [{threshold.clause}]"
    return _sentence(threshold) + clause


def samples_needed(threshold: Threshold) -> int | None:
    """How many independent samples it takes before the claim can be shown at 95% confidence at all.

    For a quantile q, the n at which some sample lies beyond it with 95% probability: ⌈ln 0.05 / ln q⌉ (p95 59,
    p99 299, p99.9 2,995); where it is to be large, below it (p5 59). For a share, the n at which no bad one at all
    shows less than the limit. `None` where counting samples says nothing (mean, max, throughput, pool, target).
    """
    if threshold.quantile is not None:
        less = threshold.comparison in ("<", "<=")
        return trials_needed(threshold.quantile if less else 1.0 - threshold.quantile)
    if threshold.unit != "ratio" or threshold.metric == "pool" or threshold.metric.startswith("target "):
        return None
    good = threshold.limit if _known(threshold.metric).more_is_better else 1.0 - threshold.limit
    return trials_needed(good) if 0.0 < good < 1.0 else None


def write_duration(ns: int) -> str:
    """The shortest exact spelling in one unit that `parse_duration_ns` reads back: 90s, 1.5ms, 5m."""
    for unit, scale in (("h", 3600 * 10**9), ("m", 60 * 10**9)):
        if ns and ns % scale == 0:
            return f"{ns // scale}{unit}"
    for unit, scale in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if ns >= scale:
            return f"{_plain(Decimal(ns) / scale)}{unit}"
    return f"{ns}ns" if ns else "0s"


def _cut(pattern: re.Pattern[str], text: str, group: int | str) -> tuple[str, str | None]:
    found = pattern.search(text)
    return (text, None) if found is None else (text[: found.start()], found[group])


def _metric(words: str) -> tuple[bool, str, float | None]:
    """(service?, canonical metric, quantile) of the words before the comparison."""
    service = words.startswith("service ")
    name = words.removeprefix("service ")
    found = _QUANTILE.fullmatch(name)
    metric = name if found is None else found["family"] or "latency"
    known = metric_named(metric)
    if known is None or (found is None and metric == "latency"):
        raise _unknown(name)
    if metric == PHASE:
        raise ThresholdError("phase needs the name of one", "phase triage p95")
    if found is None and known.quantiles:
        raise ThresholdError(f"{metric} needs a quantile", f"{metric} {known.usual}")
    if found is not None and not known.quantiles:
        raise ThresholdError(f"{metric} has no quantiles", metric)
    if service and metric not in _LATENCY:
        raise ThresholdError("only latencies (pNN, mean, max) can be of the service time", metric)
    return service, metric, None if found is None else _quantile(found["number"])


def _known(metric: str) -> Metric:
    """What is known of a metric that has been found valid."""
    known = metric_named(metric)
    assert known is not None
    return known


def _quantile(number: str) -> float:
    quantile = float(Fraction(number) / 100)
    if not 0.0 < quantile < 1.0:
        raise ThresholdError("expected a quantile above 0 and below 100", "max" if quantile >= 1.0 else "p50")
    return quantile


def _unknown(words: str) -> ThresholdError:
    close = difflib.get_close_matches(words, WRITTEN, 1, 0.5)
    return ThresholdError(
        "unknown metric; expected pNN, mean, max, errors, success, timeouts, drops, throughput, connect pNN, "
        "first byte pNN, lag pNN, target cpu|memory|pool|lock wait, or of WebSockets connect failures, lost, "
        "duplicated, out of order, reach, ping pNN, push pNN, delivery pNN, first event pNN, "
        "or of agents ttft pNN, token gap pNN, token rate pNN, phase NAME pNN, goodput, accuracy, mixed up, refusals, "
        "queue, parallel",
        close[0] if close else None,
    )


def _amount(text: str, unit: Unit) -> float:
    parse = _PARSERS[unit]
    try:
        return parse(text)
    except ValueError as error:
        raise ThresholdError(str(error)) from None


def _span(text: str, word: str) -> int:
    try:
        span = parse_duration_ns(text)
    except ValueError:
        raise ThresholdError(f"expected a duration after {word}, such as {word} 30s") from None
    if word == "for" and span <= 0:
        raise ThresholdError("expected a window longer than nothing, such as for 30s")
    return span


def _sentence(threshold: Threshold) -> str:
    words = [f"{threshold.operation}:"] if threshold.operation is not None else []
    words += ["service"] if threshold.service else []
    words += [threshold.metric] if threshold.metric != "latency" else []
    if threshold.quantile is not None:
        words.append(f"p{_plain(Decimal(repr(threshold.quantile)) * 100)}")
    words += [threshold.comparison, _write_amount(threshold.limit, threshold.unit)]
    if threshold.sliding_ns is not None:
        words += ["for", write_duration(threshold.sliding_ns)]
    if threshold.abort is not None:
        words.append("abort")
        words += ["after", write_duration(threshold.abort.delay_ns)] if threshold.abort.delay_ns else []
    return " ".join(words)


def _write_amount(limit: float, unit: Unit) -> str:
    if unit == "ns":
        return write_duration(round(limit))
    if unit == "ratio":
        return f"{_plain(Decimal(repr(float(limit))) * 100)}%"
    if unit == "per_s":
        return f"{_plain(Decimal(repr(float(limit))))}/s"
    if unit == "count":
        return _plain(Decimal(repr(float(limit))))
    return _write_size(round(limit))


def _write_size(size: int) -> str:
    for name, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= scale and (size * 1000) % scale == 0:
            return f"{_plain(Decimal(size) / scale)}{name}"
    return f"{size}B"


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def trials_needed(good: float) -> int:
    """The fewest independent trials, all good, that show the share of good ones to be above `good`, at 95% confidence.

    The smallest n with good ** n <= 0.05.
    """
    return math.ceil(math.log(1.0 - _CONFIDENCE) / math.log(good) - 1e-9)
