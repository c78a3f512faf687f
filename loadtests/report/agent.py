"""Executions of agents for the page: what became of them, when tokens came, whether answers were right and whose.

All is of the steady interval. Times and numbers are those of good executions; what failed had `partial` tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtests.plan.metrics import PHASE
from loadtests.report.block import Line, Table
from loadtests.report.chart import Chart, Course, Drawn, Unit
from loadtests.report.latency import Latency, latency
from loadtests.report.series import Steps, steps_of
from loadtests.report.wording import Figure, count, figure, values_of
from loadtests.result.histogram import Histogram
from loadtests.result.run import ScenarioRun, pooled
from loadtests.result.window import (
    CHECKED,
    FAILED,
    GOOD,
    IDENTIFIED,
    MIXED_UP,
    NUMBER_NS,
    OK,
    REFUSED,
    RIGHT,
    Tally,
)

__all__ = ["AgentFacts", "Fate", "agents"]

_TIMES = ("first event", "ttft", "token gap", "event gap", "queued")
_NUMBERS = {"token rate": "per_s", "tokens": "count", "turns": "count", "tool calls": "count"}
_TIME_COLUMNS = ("p50", "p95", "p99", "max")
_NUMBER_QUANTILES = {"p5": 0.05, "p50": 0.5, "p95": 0.95, "p99": 0.99}
NUMBER_COLUMNS = (*_NUMBER_QUANTILES, "max", "mean")
_COUNT_US = NUMBER_NS / 1000
_COURSES = {"p50": (0.5, "a"), "p95": (0.95, "f"), "p99": (0.99, "b")}


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of the executions of one operation, or of all: `ended` are those that did."""

    name: str
    ended: Figure
    timeouts: Figure
    timeout_share: Figure
    refused: Figure
    good: Figure
    goodput: Figure
    goodput_per_s: Figure
    checked: Figure
    right: Figure
    accuracy: Figure
    identified: Figure
    mixed_up: Figure

    @classmethod
    def of(cls, name: str, tally: Tally, *, seconds: int) -> "Fate":
        """As counted in `seconds` seconds."""
        ended, timeouts = tally.count(OK) + tally.failed, tally.count(FAILED + "timeout")
        good, checked, right = tally.count(GOOD), tally.count(CHECKED), tally.count(RIGHT)
        return cls(
            name=name,
            ended=count(ended),
            timeouts=count(timeouts),
            timeout_share=_share(timeouts, ended),
            refused=count(tally.count(REFUSED)),
            good=count(good),
            goodput=_share(good, ended),
            goodput_per_s=figure(good / seconds if seconds else None, "per_s"),
            checked=count(checked),
            right=count(right),
            accuracy=_share(right, checked),
            identified=count(tally.count(IDENTIFIED)),
            mixed_up=count(tally.count(MIXED_UP)),
        )

    def document(self) -> Mapping[str, Any]:
        """Its part of report.json."""
        figures = {name: getattr(self, name) for name in _FATE if name != "name"}
        return values_of(figures)


_FATE = tuple(Fate.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """`times` and `numbers` by what they measure; `phases` by the phase's name, the longest first.

    `parallel` is the most that ran at once, `queue` the longest queue that was seen.
    """

    total: Fate
    operations: Sequence[Fate]
    times: Mapping[str, Latency]
    phases: Mapping[str, Latency]
    numbers: Mapping[str, Mapping[str, Figure]]
    partial: Figure
    parallel: Figure
    queue: Figure
    charts: Sequence[Drawn] = ()

    key = "agents"

    @property
    def lines(self) -> Sequence[Line]:
        """How they ended, whether they were right, and how the tokens came."""
        found = [Line(self.key, self.summary)]
        if self.answers is not None:
            found.append(Line("answers", self.answers))
        return [*found, Line("tokens", self.tokens)] if self.tokens is not None else found

    @property
    def tables(self) -> Sequence[Table]:
        """Times, phases and numbers."""
        times = {**self.times, **{f"{PHASE} {name}": found for name, found in self.phases.items()}}
        rows = [
            (name, f"{one.samples:,}", *(one.figures[at].text for at in _TIME_COLUMNS)) for name, one in times.items()
        ]
        numbers = [(name, *(found[at].text for at in NUMBER_COLUMNS)) for name, found in self.numbers.items()]
        made = [Table(("Time", "Samples", *_TIME_COLUMNS), rows, range(1, len(_TIME_COLUMNS) + 2))] if rows else []
        if numbers:
            made.append(Table(("Number", *NUMBER_COLUMNS), numbers, range(1, len(NUMBER_COLUMNS) + 1)))
        return made

    def document(self) -> Mapping[str, Any]:
        """Its part of report.json."""
        return {
            **self.total.document(),
            "operations": [{"name": one.name, **one.document()} for one in self.operations],
            "times_ms": {name: found.document() for name, found in self.times.items()},
            "phases_ms": {name: found.document() for name, found in self.phases.items()},
            "numbers": {name: values_of(found) for name, found in self.numbers.items()},
            "partial_tokens": self.partial.value,
            "parallel": self.parallel.value,
            "queue": self.queue.value,
        }

    @property
    def summary(self) -> str:
        """One line: how many, how many in time and within their limits."""
        total = self.total
        parts = [
            f"{total.ended.text} executions",
            f"{total.timeouts.text} timeouts ({total.timeout_share.text})",
            f"{total.refused.text} refused",
            f"goodput {total.goodput.text}, {total.goodput_per_s.text}",
        ]
        parts += [f"at most {self.parallel.text} in parallel"] if self.parallel.value else []
        return ", ".join([*parts, f"longest queue {self.queue.text}"] if self.queue.value is not None else parts)

    @property
    def answers(self) -> str | None:
        """One line on right answers and on whose they were, where that was looked at."""
        total, parts = self.total, []
        if total.checked.value:
            parts.append(f"{total.right.text} of {total.checked.text} right ({total.accuracy.text})")
        if total.identified.value:
            parts.append(f"{total.mixed_up.text} of {total.identified.text} somebody else's")
        return ", ".join(parts) or None

    @property
    def tokens(self) -> str | None:
        """One line on how the text came, where it was streamed."""
        ttft, gap, rate = (self.times.get("ttft"), self.times.get("token gap"), self.numbers.get("token rate"))
        parts = [f"TTFT p95 {ttft.figures['p95'].text}"] if ttft else []
        parts += [f"gap p99 {gap.figures['p99'].text}"] if gap else []
        parts += [f"{rate['p50'].text} at the median, {rate['p5'].text} at p5"] if rate else []
        if parts and self.partial.value:
            parts.append(f"{self.partial.text} partial ones in failed executions")
        return ", ".join(parts) or None


def agents(run: ScenarioRun) -> AgentFacts | None:
    """The executions of a run; none where no agents are asked."""
    if run.scenario.driver != "agent":
        return None
    seconds = run.seconds()
    by_second = run.by_second(run.total_names())
    total = pooled(by_second, seconds)
    each = {name: pooled(run.by_second([name]), seconds) for name in run.operation_names()}
    measured = {name: found for name, found in total.histograms.items() if found.total}
    named = f"{PHASE} "
    phases = {name.removeprefix(named): found for name, found in measured.items() if name.startswith(named)}
    slowest = sorted(phases, key=lambda name: phases[name].mean_us or 0.0, reverse=True)
    return AgentFacts(
        total=Fate.of("total", total, seconds=len(seconds)),
        operations=[Fate.of(name, tally, seconds=len(seconds)) for name, tally in each.items()],
        times={name: latency(measured[name]) for name in _TIMES if name in measured},
        phases={name: latency(phases[name]) for name in slowest},
        numbers={name: _numbers(measured[name], unit) for name, unit in _NUMBERS.items() if name in measured},
        partial=count(_sum(total.histogram("partial tokens"))),
        parallel=count(_highest(total.histogram("parallel"))),
        queue=count(_longest(run)),
        charts=_charts(run),
    )


def _charts(run: ScenarioRun) -> list[Drawn]:
    steps = steps_of(run)
    parts = steps.parts(run.by_second(run.total_names()))
    merged = {name: [Histogram.merge(one.histogram(name) for one in part) for part in parts] for name in _DRAWN}
    return [
        _chart(run, steps, title, unit, merged[name])
        for name, (title, unit) in _DRAWN.items()
        if any(one.total for one in merged[name])
    ]


_DRAWN: Mapping[str, tuple[str, Unit]] = {
    "ttft": ("Time to the first token", "ms"),
    "token gap": ("Time between two tokens", "ms"),
    "token rate": ("Tokens per second of a turn", "per_s"),
}


def _chart(run: ScenarioRun, steps: Steps, title: str, unit: Unit, parts: Sequence[Histogram]) -> Chart:
    """In a histogram a millisecond is 1,000 µs, and so is a plain number."""
    courses = [
        Course(name, [None if us is None else us / 1000 for us in (one.quantile_us(quantile) for one in parts)], tone)
        for name, (quantile, tone) in _COURSES.items()
    ]
    end = float(steps.starts[-1] + steps.step_s)
    start, stop = (min(at, end) for at in run.steady_s)
    shaded = tuple(span for span in ((0.0, start), (stop, end)) if span[1] > span[0])
    return Chart(title, unit, tuple(steps.starts), courses, shaded=shaded, link=run.scenario.name)


def _numbers(histogram: Histogram, unit: str) -> Mapping[str, Figure]:
    us: dict[str, float | None] = {name: histogram.quantile_us(at) for name, at in _NUMBER_QUANTILES.items()}
    us |= {"max": histogram.max_us, "mean": histogram.mean_us}
    return {name: figure(None if one is None else _plain(one), unit) for name, one in us.items()}


def _plain(us: float) -> float:
    """The number that so many µs stand for: to the three digits that a histogram keeps."""
    return float(f"{us / _COUNT_US:.3g}") if us >= _COUNT_US else round(us / _COUNT_US, 2)


def _highest(histogram: Histogram) -> int:
    return round((histogram.max_us or 0.0) / _COUNT_US)


def _sum(histogram: Histogram) -> int:
    return round((histogram.mean_us or 0.0) / _COUNT_US * histogram.total)


def _longest(run: ScenarioRun) -> int | None:
    start, end = run.steady_s
    seen = [s.values["queued"] for s in run.resources if start <= s.at_s < end and "queued" in s.values]
    return round(max(seen)) if seen else None


def _share(part: int, whole: int) -> Figure:
    return figure(part / whole if whole else None, "ratio")
