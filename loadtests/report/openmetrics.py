"""openmetrics.txt: the steady interval as OpenMetrics text, for Prometheus and whatever else reads it.

Histograms have a bucket at every limit the plan sets on a response time, so that the share beyond a limit can be read
off exactly. Samples carry the moment at which the interval ended: `promtool tsdb create-blocks-from openmetrics` files
a stored run under the time at which it was made.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from loadtests.report.page import Page, ScenarioPage
from loadtests.report.wording import visible
from loadtests.result.histogram import Histogram
from loadtests.result.run import ScenarioRun
from loadtests.result.window import CUT_OFF, DROPPED, OFFERED, OK, RESPONSE_FAILED, RESPONSE_OK, SERVICE_OK, Tally

__all__ = ["buckets", "render"]

_LADDER_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_TIMES = ("latency", "mean", "max")
_THRESHOLD_FIGURES = {
    "observed": "What was held against a limit, in the unit of the label.",
    "limit": "The limit of a threshold.",
    "passed": "1 where a threshold passed.",
}
_OUTCOMES = ("pass", "fail", "inconclusive", "invalid")

Labels = tuple[tuple[str, str], ...]
Sample = tuple[str, Labels, float, float]
"""Suffix, labels, value, moment."""


@dataclass(frozen=True, slots=True)
class _Family:
    """A metric with its samples; without any it is not written."""

    name: str
    kind: str
    words: str
    samples: Sequence[Sample]
    unit: str = ""


def render(page: Page) -> str:
    """The exposition, ended as the standard asks."""
    return "".join(f"{line}\n" for family in _families(page) for line in _lines(family)) + "# EOF\n"


def buckets(run: ScenarioRun) -> tuple[float, ...]:
    """Upper bounds in seconds: the limits that the plan sets on response times, within a ladder of round ones."""
    limits = {threshold.limit / 1e9 for threshold in run.scenario.thresholds if threshold.metric in _TIMES}
    return tuple(sorted(limits.union(_LADDER_S)))


def _families(page: Page) -> Iterator[_Family]:
    pairs = list(zip(page.scenarios, page.source.run.scenarios, strict=True))
    facts = {"run": page.run.id, "build": page.run.build, "comparability": page.run.comparability}
    info = ("_info", tuple(facts.items()), 1.0, datetime.fromisoformat(page.run.started_at).timestamp())
    yield _Family("loadtests_run", "info", "The run these figures are of.", [info])
    yield _Family("loadtests_verdict", "stateset", "What was said of each scenario.", list(_verdicts(page)))
    yield _Family("loadtests_offered", "counter", "Executions that were due.", _each(pairs, _offered))
    yield _Family("loadtests_executions", "counter", "Executions by what became of them.", _each(pairs, _outcomes))
    yield _Family("loadtests_failures", "counter", "Failed executions by kind.", _each(pairs, _failures))
    for name, kind, words in (
        ("response", RESPONSE_OK, "From the intended start to the last byte, OK answers."),
        ("service", SERVICE_OK, "From the actual send to the last byte, OK answers."),
        ("failed_response", RESPONSE_FAILED, "From the intended start to the failure."),
    ):
        samples = [sample for one, run in pairs for sample in _histograms(one, run, kind)]
        yield _Family(f"loadtests_{name}_seconds", "histogram", words, samples, "seconds")
    for what, words in _THRESHOLD_FIGURES.items():
        yield _Family(f"loadtests_threshold_{what}", "gauge", words, list(_thresholds(page, what)))
    yield _Family("loadtests_resource", "gauge", "Mean of a gauge.", list(_resources(page)))


def _lines(family: _Family) -> Iterator[str]:
    if not family.samples:
        return
    yield f"# TYPE {family.name} {family.kind}"
    if family.unit:
        yield f"# UNIT {family.name} {family.unit}"
    yield f"# HELP {family.name} {family.words}"
    for suffix, labels, value, moment in family.samples:
        written = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels)
        yield f"{family.name}{suffix}{{{written}}} {_number(value)} {moment:.3f}"


def _escaped(text: str) -> str:
    return visible(text).replace("\\", "\\\\").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _ended(scenario: ScenarioPage) -> float:
    return datetime.fromisoformat(scenario.started_at).timestamp() + max(scenario.steady_s)


def _verdicts(page: Page) -> Iterator[Sample]:
    for scenario in page.scenarios:
        for outcome in _OUTCOMES:
            labels = (("scenario", scenario.name), ("loadtests_verdict", outcome))
            yield "", labels, float(scenario.sign.key == outcome), _ended(scenario)


def _tallies(scenario: ScenarioPage, run: ScenarioRun) -> Iterator[tuple[Labels, Tally]]:
    for name in run.operation_names():
        yield (("scenario", scenario.name), ("operation", name)), run.steady([name])


def _each(
    pairs: Iterable[tuple[ScenarioPage, ScenarioRun]], counted: Callable[[Tally], Iterable[tuple[Labels, int]]]
) -> list[Sample]:
    return [
        ("_total", (*labels, *more), float(number), _ended(scenario))
        for scenario, run in pairs
        for labels, tally in _tallies(scenario, run)
        for more, number in counted(tally)
    ]


def _offered(tally: Tally) -> Iterator[tuple[Labels, int]]:
    yield (), tally.count(OFFERED)


def _outcomes(tally: Tally) -> Iterator[tuple[Labels, int]]:
    found = {"ok": tally.count(OK), "failed": tally.failed}
    found |= {"dropped": tally.count(DROPPED), "cut_off": tally.count(CUT_OFF)}
    for outcome, number in found.items():
        yield (("outcome", outcome),), number


def _failures(tally: Tally) -> Iterator[tuple[Labels, int]]:
    for kind, number in tally.failures.items():
        yield (("kind", kind),), number


def _histograms(scenario: ScenarioPage, run: ScenarioRun, kind: str) -> Iterator[Sample]:
    moment = _ended(scenario)
    for labels, tally in _tallies(scenario, run):
        found = tally.histogram(kind)
        if not found.total:
            continue
        for bound in buckets(run):
            yield "_bucket", (*labels, ("le", _bound(bound))), _within(found, bound), moment
        yield "_bucket", (*labels, ("le", "+Inf")), found.total, moment
        yield "_count", labels, found.total, moment
        yield "_sum", labels, (found.mean_us or 0.0) * found.total / 1e6, moment


def _bound(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds == int(seconds) else repr(seconds)


def _within(histogram: Histogram, seconds: float) -> float:
    return float(histogram.total - histogram.count_over_us(seconds * 1e6))


def _thresholds(page: Page, what: str) -> Iterator[Sample]:
    for scenario in page.scenarios:
        for number, row in enumerate(scenario.thresholds, start=1):
            labels = (
                ("scenario", scenario.name), ("number", str(number)), ("threshold", row.text),
                ("clause", row.clause or ""), ("unit", row.unit),
            )  # fmt: skip
            values = {"observed": row.observed.value, "limit": row.limit.value, "passed": row.sign.key == "pass"}
            value = values[what]
            if value is not None:
                yield "", labels, float(value), _ended(scenario)


def _resources(page: Page) -> Iterator[Sample]:
    for scenario in page.scenarios:
        for row in scenario.resources:
            if row.mean.value is not None:
                labels = (("scenario", scenario.name), ("source", row.source), ("gauge", row.name))
                yield "", labels, float(row.mean.value), _ended(scenario)
