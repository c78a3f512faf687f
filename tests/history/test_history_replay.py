"""What was merged is judged again as its windows would be, or is said to need them."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from kept_runs import answers, generator, kept, run

from loadtests.errors import RunUnreadable
from loadtests.history.kept import KeptRun
from loadtests.history.merging import keep
from loadtests.history.replay import judge_again, records_of, run_of
from loadtests.judge.judgement import judge_run
from loadtests.judge.record import records_of as records_of_run
from loadtests.judge.thresholds import judge_threshold
from loadtests.judge.verdict import Outcome, ThresholdVerdict
from loadtests.plan.metrics import METRICS
from loadtests.plan.model import Threshold
from loadtests.plan.thresholds import parse_threshold
from loadtests.result.run import Run, ScenarioRun
from loadtests.result.window import CONNECTIONS, OFFERED, OK, RESPONSE_OK, Tally


def chosen(*texts: str) -> "Sequence[Threshold]":
    return tuple(parse_threshold(text) for text in texts)


def with_windows(of: Run, *texts: str) -> Sequence[ThresholdVerdict]:
    """What the judge says of a run whose windows are there."""
    scenario = of.scenarios[0]
    changed = replace(scenario, scenario=replace(scenario.scenario, thresholds=tuple(chosen(*texts))))
    return judge_run(replace(of, scenarios=(changed,))).scenarios[0].thresholds


def merged(of: Run, *texts: str) -> Sequence[ThresholdVerdict]:
    """The same from what is kept of it."""
    return judge_again(keep(judge_run(of)), lambda _: chosen(*texts)).scenarios[0].thresholds


def shaky(second: int) -> dict[str, Tally]:
    """Slow seconds in a row now and then, and failures in every third: neighbours resemble each other."""
    slow = 4.0 if second // 3 % 4 == 0 else 1.0
    return {"get": answers(second, middle_us=5_000 * slow, failed=4 * (second % 3 == 0)), "put": answers(second)}


LIMITS = ["p50 < 4ms", "p50 < 6ms", "p90 < 22ms", "p95 < 24ms", "p99 < 24ms", "p99 < 100ms", "get: p95 < 25ms"]
SHARES = [
    "errors < 1%",
    "errors < 3%",
    "errors < 20%",
    "success > 99%",
    "timeouts < 3%",
    "drops < 1%",
    "put: errors < 1%",
]


@pytest.mark.parametrize("text", [*LIMITS, *SHARES, "max < 1s", "max < 3ms", "lag p99 < 10ms", "service p95 < 1s"])
def test_merged_counts_are_judged_as_their_windows_are(text: str) -> None:
    """The observed figure is the same; where the outcome differs, the merged counts are the ones that are less sure."""
    found = run(at=shaky, seconds=60)
    (whole,), (again,) = with_windows(found, text), merged(found, text)
    assert (again.observed, again.samples) == (whole.observed, whole.samples)
    assert again.outcome in (whole.outcome, Outcome.INCONCLUSIVE)


def test_a_share_by_count_has_the_very_bounds_that_its_windows_gave() -> None:
    """Its dependence does not depend on the limit, so nothing is lost."""
    found = run(at=shaky, seconds=60)
    for whole, again in zip(with_windows(found, *SHARES), merged(found, *SHARES), strict=True):
        assert again.interval == pytest.approx(whole.interval)
        assert again.outcome is whole.outcome


def test_dependence_is_taken_off_merged_counts_too() -> None:
    """Slow seconds that come in a row leave a percentile unsettled that independent requests would settle."""
    found = run(at=shaky, seconds=60)
    (again,) = merged(found, "p85 < 10ms")
    mixed = Tally.merge([tally for second in range(2, 60) for tally in shaky(second).values()])
    share = mixed.histogram(RESPONSE_OK).count_over_us(9_999) / mixed.histogram(RESPONSE_OK).total
    assert share < 0.15 - 3 * np.sqrt(0.15 * 0.85 / mixed.histogram(RESPONSE_OK).total)
    assert again.outcome is Outcome.INCONCLUSIVE


@pytest.fixture(scope="module")
def rich() -> tuple[ScenarioRun, KeptRun]:
    """A run of which every metric has something, and what is kept of it."""
    found = run(at=everything)
    return found.scenarios[0], keep(judge_run(found))


@pytest.mark.parametrize("name", METRICS)
def test_no_metric_passes_on_merged_counts_that_would_not_on_windows(
    name: str, rich: tuple[ScenarioRun, KeptRun]
) -> None:
    """Whatever a driver adds to the grammar: the same answer, a less sure one, or none."""
    metric, (scenario, one) = METRICS[name], rich
    quantile = 0.95 if metric.quantiles else None
    thresholds = [
        Threshold(f"{name} {comparison} {limit}", name, comparison, limit, metric.unit, quantile)
        for comparison, limit in itertools.product(("<", ">"), (1e-3, 1.0, 30.0, 5e6, 1e10))
    ]
    merged_verdicts = judge_again(one, lambda _: thresholds).scenarios[0].thresholds
    for threshold, again in zip(thresholds, merged_verdicts, strict=True):
        whole = judge_threshold(threshold, scenario)
        less_sure = (Outcome.INCONCLUSIVE, Outcome.INVALID)
        assert again.outcome is whole.outcome or again.outcome in less_sure, (whole.why, again.why)


def everything(second: int) -> dict[str, Tally]:
    """Operations and connections with every histogram and counter that a metric may ask for."""
    times = answers(second, amount=20, failed=second % 3)
    named = dict.fromkeys((*METRICS, *times.histograms), times.histogram(RESPONSE_OK))
    counted = dict.fromkeys((*METRICS, "expected", "received", "pushes", "lost_pushes", "in_flight"), 5)
    tally = Tally(counted | dict(times.counters), named)
    return {"get": tally, "put": tally, CONNECTIONS: tally}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("mean < 1s", "the bounds of a mean need single seconds", id="a mean"),
        pytest.param("throughput > 1/s", "the bounds of a rate need single seconds", id="a rate"),
        pytest.param("target cpu < 90%", "what the target says of itself needs its samples", id="a gauge"),
        pytest.param("p95 < 1s for 5s", "a sliding interval needs single seconds", id="a sliding interval"),
    ],
)
def test_what_needs_windows_says_so_and_passes_nothing(text: str, reason: str) -> None:
    """INVALID, though with windows it would pass."""
    found = run()
    assert with_windows(found, text)[0].outcome is Outcome.PASS
    (again,) = merged(found, text)
    assert again.outcome is Outcome.INVALID
    assert again.why == f"{reason}, which are not kept in the history: judge the run's directory instead"


def test_a_threshold_that_was_judged_with_windows_keeps_that_verdict() -> None:
    """Also one that could not be judged without them any more."""
    found = run(thresholds=["throughput > 1/s", "mean < 1s"])
    again = judge_again(keep(judge_run(found)), lambda _: chosen("throughput > 1/s"))
    assert again.outcome is Outcome.PASS
    assert tuple(again.scenarios[0].thresholds) == judge_run(found).scenarios[0].thresholds[:1]


def test_without_other_thresholds_the_recorded_verdict_is_given() -> None:
    found = run("api", "jobs", at=shaky)
    first, again = judge_run(found), judge_again(keep(judge_run(found)))
    assert (again.outcome, again.why) == (first.outcome, first.why)
    for one, other in zip(first.scenarios, again.scenarios, strict=True):
        assert (one.outcome, one.why, one.health) == (other.outcome, other.why, other.health)
        assert tuple(one.thresholds) == tuple(other.thresholds)


def test_a_starved_generator_stays_invalid_whatever_the_thresholds() -> None:
    """The history does not forget why a run could not be believed."""
    found = run()
    scenario = found.scenarios[0]
    late = replace(scenario, windows=[replace(w, generator=_late()) for w in scenario.windows])
    again = judge_again(keep(judge_run(replace(found, scenarios=(late,)))), lambda _: chosen("p95 < 1h"))
    assert again.outcome is Outcome.INVALID
    assert "the generator" in again.why


def test_a_record_for_comparison_is_the_one_that_the_run_gives_but_for_its_windows() -> None:
    """Also of held connections, which are counted over the whole run."""

    def at(second: int) -> dict[str, Tally]:
        held = Tally({OFFERED: 2, OK: 2}, {"connect": answers(second).histogram(RESPONSE_OK)})
        return {**shaky(second), CONNECTIONS: held}

    found = run(at=at)
    (whole,), (again,) = records_of_run(found), records_of(keep(judge_run(found)))
    assert again == replace(whole, windows=None)
    assert again.connections.count(OK) == 24
    assert again.tally("get").count(OK) == 500


def test_a_plan_that_this_version_cannot_read_is_told() -> None:
    one = kept()
    with pytest.raises(RunUnreadable, match="cannot use the plan in it: version"):
        run_of(replace(one, plan={**one.plan, "version": 7}))


def _late() -> Tally:
    return replace(generator(), histograms={"start lag": answers(0, middle_us=900_000).histogram(RESPONSE_OK)})
