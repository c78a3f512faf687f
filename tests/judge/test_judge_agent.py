"""What is claimed of agents is held against their own counters, numbers and gauges."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from synthetic_runs import SECOND, ms, scenario, scenario_run, tally

from loadtests.judge.live import AbortWatch
from loadtests.judge.thresholds import judge_threshold
from loadtests.judge.verdict import Outcome, ThresholdVerdict
from loadtests.plan.model import ClosedLoad, Scenario
from loadtests.plan.protocol.agent import AgentSettings
from loadtests.result.run import ResourceSample
from loadtests.result.window import CHECKED, GOOD, IDENTIFIED, MIXED_UP, REFUSED, RIGHT, Tally


def agents(*thresholds: str) -> Scenario:
    return scenario(
        *thresholds, driver="agent", load=ClosedLoad(50, 20 * SECOND), agent=AgentSettings("stream", queue="/queue")
    )


def numbers(*values: float) -> np.ndarray:
    """Plain numbers as their histograms hold them."""
    return np.round(np.array(values) * 1000).astype(np.int64)


def ended(
    good: int, counters: Mapping[str, int], *, failed: Mapping[str, int] | None = None, **histograms: object
) -> Tally:
    found = tally(ms(*[5.0] * good), failed=failed, **histograms)
    return replace(found, counters={**found.counters, **counters})


def judged(text: str, second: Tally, *, queue: tuple[float, ...] = ()) -> ThresholdVerdict:
    """The verdict on twenty such seconds."""
    samples = [ResourceSample("api", at + 0.5, "target", {"queued": depth}) for at, depth in enumerate(queue)]
    run = scenario_run(agents(text), lambda _: second, resources=tuple(samples))
    return judge_threshold(run.scenario.thresholds[0], run)


@pytest.mark.parametrize(
    ("sentence", "text", "second", "outcome", "why"),
    [
        ("all right", "accuracy >= 100%", ended(20, {CHECKED: 20, RIGHT: 20}), Outcome.PASS, "accuracy is 100%"),
        ("one in ten is wrong", "accuracy > 99.5%", ended(18, {CHECKED: 20, RIGHT: 18}, failed={"wrong": 2}),
         Outcome.FAIL, "accuracy is 90%"),
        ("nothing was compared", "accuracy >= 100%", ended(20, {}), Outcome.INVALID, "no data"),
        ("nobody else's", "mixed up <= 0%", ended(20, {IDENTIFIED: 20}), Outcome.PASS, "mixed-up answers are 0%"),
        ("somebody else's", "mixed up <= 0%", ended(19, {IDENTIFIED: 20, MIXED_UP: 1}, failed={"mixed_up": 1}),
         Outcome.FAIL, "mixed-up answers are 5%"),
        ("no identities", "mixed up <= 0%", ended(20, {}), Outcome.INVALID, "no data"),
        ("within limits", "goodput > 90%", ended(20, {GOOD: 20}), Outcome.PASS, "(400 executions)"),
        ("failures are not good", "goodput > 90%", ended(10, {GOOD: 10}, failed={"timeout": 10}), Outcome.FAIL, "50%"),
        ("refused once, then served", "refusals < 1%", ended(20, {REFUSED: 5}), Outcome.FAIL, "refusals are 25%"),
        ("fast enough", "token rate p5 > 20/s", ended(20, {}, token_rate=numbers(*[50.0] * 20)), Outcome.PASS, "/s"),
        ("too slow", "token rate p5 > 20/s", ended(20, {}, token_rate=numbers(*[50.0] * 10, *[10.0] * 10)),
         Outcome.FAIL, "token rate p5 is 10"),
        ("few tools", "tool calls p95 <= 2", ended(20, {}, tool_calls=numbers(*[2.0] * 20)), Outcome.PASS, "is 2,"),
        ("many tools", "tool calls p95 <= 2", ended(20, {}, tool_calls=numbers(*[3.0] * 20)), Outcome.FAIL, "is 3"),
        ("parallel", "parallel >= 10", ended(20, {}, parallel=numbers(3, 10)), Outcome.PASS,
         "the most executions in parallel is 10"),
        ("one after the other", "parallel >= 10", ended(20, {}, parallel=numbers(1, 2)), Outcome.FAIL, "is 2"),
        ("a phase", "phase triage p95 < 1s", ended(20, {}, phase_triage=ms(*[900.0] * 20)), Outcome.PASS, "0.9"),
        ("no such phase", "phase data p95 < 1s", ended(20, {}, phase_triage=ms(*[900.0] * 20)), Outcome.INVALID,
         "no data"),
        ("first tokens", "ttft p95 < 1s", ended(20, {}, ttft=ms(*[1500.0] * 20)), Outcome.FAIL, "turns"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_each_claim_is_held_against_its_own_figures(
    sentence: str, text: str, second: Tally, outcome: Outcome, why: str
) -> None:
    """Passed, missed, or without data, with the figure in its own unit."""
    found = judged(text, second)
    if why == "0.9":
        assert found.observed == pytest.approx(900e6, rel=0.01)
    else:
        assert why in found.why
    assert found.outcome is outcome, found.why


@pytest.mark.parametrize(
    ("queue", "outcome"),
    [((1, 5, 99), Outcome.PASS), ((1, 101, 3), Outcome.FAIL), ((), Outcome.INVALID)],
)
def test_the_longest_queue_decides(queue: tuple[float, ...], outcome: Outcome) -> None:
    """As it was seen once a second; never seen, nothing is known."""
    found = judged("queue < 100", ended(20, {}), queue=queue)
    assert found.outcome is outcome
    if queue:
        assert f"the longest queue is {max(queue)}" in found.why


def test_a_hopeless_rate_of_tokens_ends_the_run() -> None:
    """The sentence speaks of what was above, and how much must be."""
    of = agents("token rate p5 > 20/s abort after 2s")
    watch = AbortWatch(of)
    for window in scenario_run(of, lambda _: ended(20, {}, token_rate=numbers(*[10.0] * 20))).windows:
        watch.feed(window)
    found = watch.missed(12.0)
    assert found is not None
    assert "0% of " in found
    assert "were above 20/s; 95% must" in found
