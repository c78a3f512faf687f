"""How a finding is said: one sentence with what was observed, the limit, the bounds and how much stands behind them.

A figure is never rounded across its limit: 1,999.6 ms against 2 s reads `1.9996 s`, not `2 s`.
"""

import math

from loadtests.judge.decision import Finding
from loadtests.judge.evidence import COUNTED_CONNECTIONS, claims_less
from loadtests.judge.verdict import Outcome
from loadtests.plan.model import Threshold
from loadtests.units import (
    format_bytes,
    format_duration,
    format_number,
    format_rate,
    format_ratio,
    parse_duration_ns,
    parse_size,
)

__all__ = ["WHOLE_RUN", "amount", "basis", "counted", "sentence", "subject", "verb_of"]

WHOLE_RUN = " over the whole run"
"""Said of what is not judged over the steady interval."""

_MOST_DIGITS = 17
_CONFIDENCE = "95% confidence"
_PLURAL = {"errors", "timeouts", "drops", "lost", "duplicated", "out of order", *COUNTED_CONNECTIONS}
_PLURAL |= {"refusals", "mixed up", "deadlocks"}
_NAMES = {"latency": "", "connection drops": "drops", "lost": "lost messages", "duplicated": "duplicated messages"}
_NAMES |= {"out of order": "messages out of order", "mixed up": "mixed-up answers", "queue": "the longest queue"}
_NAMES |= {"parallel": "the most executions in parallel"}
_NOUNS = {
    "errors": "executions",
    "success": "executions",
    "timeouts": "executions",
    "drops": "arrivals",
    "connect": "connections",
    "connect failures": "attempts",
    "connection drops": "connections",
    "ping": "pings",
    "push": "pushes",
    "delivery": "copies",
    "reach": "copies",
    "lost": "messages",
    "duplicated": "messages",
    "out of order": "messages",
    "lag": "starts",
    "throughput": "seconds",
    "ttft": "turns",
    "token rate": "turns",
    "token gap": "gaps",
    "event gap": "gaps",
    **dict.fromkeys(("queued", "tokens", "turns", "tool calls", "refusals", "goodput", "parallel"), "executions"),
    "queue": "samples",
    "pool": "connection-seconds",
}


def amount(value: float, unit: str, *, beside: float | None = None) -> str:
    """`value` in its base unit, with digits enough to keep it on its side of `beside`."""
    text = _spelled(value, unit, 3)
    if beside is None:
        return text
    for digits in range(3, _MOST_DIGITS):
        text = _spelled(value, unit, digits)
        if _side(_read(text, unit), beside) == _side(value, beside):
            break
    return text


def counted(number: int, noun: str) -> str:
    """`1 answer`, `2,000 answers`; `noun` is the plural."""
    one = "copy" if noun == "copies" else "push" if noun == "pushes" else noun[:-1]
    return f"{number:,} {one if number == 1 else noun}"


def subject(threshold: Threshold) -> str:
    """What the threshold speaks of: `p99`, `service p99 of execute`, `target cpu`."""
    quantile = "" if threshold.quantile is None else f"p{threshold.quantile * 100:.6g}"
    metric = _NAMES.get(threshold.metric, threshold.metric)
    named = " ".join(part for part in ("service" if threshold.service else "", metric, quantile) if part)
    return named if threshold.operation is None else f"{named} of {threshold.operation}"


def verb_of(threshold: Threshold) -> str:
    """`are` for what is counted (errors, drops, lost messages), `is` for all else."""
    return "are" if threshold.metric in _PLURAL else "is"


def basis(threshold: Threshold, finding: Finding) -> str:
    """How much stands behind a figure: `60,000 answers, worth 4,100 independent ones; 3 without an end`."""
    noun = "samples" if threshold.metric.startswith("target ") else _NOUNS.get(threshold.metric, "answers")
    noun = finding.noun or noun
    text = counted(finding.samples, noun)
    if threshold.metric in COUNTED_CONNECTIONS and finding.share is not None:
        text = f"{finding.share.low:,.0f} of {text}"
    if finding.worth < 0.67 * finding.samples:
        text += f", worth {max(1, round(finding.worth)):,} independent"
    if not finding.still_open:
        return text
    end = "undecided" if threshold.metric in COUNTED_CONNECTIONS else "without an end"
    return f"{text}; {finding.still_open:,} {end}"


def sentence(threshold: Threshold, finding: Finding, *, low: float | None, high: float | None, where: str = "") -> str:
    """The finding as one sentence; `low` and `high` are bounds in the threshold's unit, `None` where there are none."""
    about, observed, verb = subject(threshold) + where, finding.observed, verb_of(threshold)
    if observed is None:
        return f"{about}: {finding.reason}"
    figure, limit = _figure(threshold, observed), amount(threshold.limit, threshold.unit)
    if finding.reason is not None:
        return f"{about} {verb} {figure}, limit {limit}: {finding.reason}"
    behind = f"({basis(threshold, finding)})"
    if threshold.metric in COUNTED_CONNECTIONS:
        bound = "" if finding.outcome is Outcome.FAIL else _shown_of_all(threshold, finding, low=low, high=high)
        return f"{about} {verb} {figure} {behind}, limit {limit}{bound}"
    if low is None and high is None:
        return f"{about} {verb} {figure}, limit {limit} {behind}"
    if finding.outcome is Outcome.INCONCLUSIVE:
        return f"{about} {verb} {figure}, limit {limit}: {_unsettled(threshold, finding, low=low, high=high)} {behind}"
    if (finding.outcome is Outcome.PASS) == claims_less(threshold):
        bound = "" if high is None else f", at most {_figure(threshold, high)} with {_CONFIDENCE}"
    else:
        bound = "" if low is None else f", at least {_figure(threshold, low)} with {_CONFIDENCE}"
    return f"{about} {verb} {figure}{bound}; limit {limit} {behind}"


def _shown_of_all(threshold: Threshold, finding: Finding, *, low: float | None, high: float | None) -> str:
    """What all connections of a run show beyond it; a miss is what was counted, and needs no bound."""
    end, word = (high, "at most") if claims_less(threshold) else (low, "at least")
    bound = "" if end is None else f"{word} {_figure(threshold, end)} with {_CONFIDENCE}"
    if finding.outcome is Outcome.PASS:
        return f": {bound}" if bound else ""
    more = "" if finding.needed is None else f"; {_roughly(finding.needed)} such would settle it"
    return f": too few to show it, {bound}{more}"


def _unsettled(threshold: Threshold, finding: Finding, *, low: float | None, high: float | None) -> str:
    more = "" if finding.needed is None else f"; {_roughly(finding.needed)} would settle it"
    open_side = high if claims_less(threshold) else low
    if open_side is None:
        return f"too few for {_CONFIDENCE}{more}"
    floor = "no lower bound" if low is None else f"at least {_figure(threshold, low)}"
    ceiling = "no upper bound" if high is None else f"at most {_figure(threshold, high)}"
    return f"{floor} and {ceiling} with {_CONFIDENCE} each, so either is possible{more}"


def _roughly(needed: int) -> str:
    """Exact where it is a floor that can be met on the spot, else two digits of what is only an estimate."""
    if needed < 10_000:
        return f"{needed:,}"
    step: int = 10 ** (len(str(needed)) - 2)
    return f"about {-(-needed // step) * step:,}"


def _figure(threshold: Threshold, value: float) -> str:
    return amount(value, threshold.unit, beside=threshold.limit)


def _spelled(value: float, unit: str, digits: int) -> str:
    if value < 0:
        return "-" + _spelled(-value, unit, digits)
    if unit == "ns":
        return format_duration(value, digits=digits)
    if unit == "ratio":
        small = 0.0 < value < 0.01  # below 1% the format counts decimals, not significant digits
        return format_ratio(value, digits=digits + (-math.floor(math.log10(value)) - 3 if small else 0))
    printed = {"per_s": format_rate, "count": format_number, "bytes": format_bytes}[unit]
    return printed(value, digits=digits)


def _read(text: str, unit: str) -> float:
    compact = text.replace(" ", "").replace(",", "").replace("min", "m")
    if compact.startswith("-"):
        return -_read(compact[1:], unit)
    if unit == "ns":
        return parse_duration_ns(compact)
    if unit == "ratio":
        return float(compact[:-1]) / 100.0
    if unit in ("per_s", "count"):
        return float(compact.removesuffix("/s"))
    return parse_size(compact)


def _side(value: float, limit: float) -> int:
    if math.isclose(value, limit, rel_tol=1e-15):
        return 0
    return 1 if value > limit else -1
