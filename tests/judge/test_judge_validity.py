"""Each fault of the generator is put in by hand and must be named; a slow target must not be taken for one."""

from dataclasses import replace

import pytest
from synthetic_runs import SECOND, generator, ms, scenario, scenario_run, tally

from loadtests.judge.unjudged import unjudged
from loadtests.judge.validity import examine
from loadtests.plan.model import OpenLoad, Scenario, Stage
from loadtests.plan.profile import arrivals
from loadtests.result.run import ProcessEnd, ScenarioRun
from loadtests.result.window import CORE_WAIT_NS, MAJOR_FAULTS, Tally


def healthy(_: int) -> Tally:
    return tally(ms(*[5] * 100))


def run(of: Scenario | None = None, **changes: object) -> ScenarioRun:
    at = changes.pop("at", healthy)
    return scenario_run(of or scenario("p99 < 2s"), at, **changes)


def lagging(lag_us: int, *, share: float = 1.0, at_second: int | None = None) -> dict[str, object]:
    """A generator that starts this share of its arrivals late, always or in one second only."""
    late = round(100 * share)
    values = [lag_us] * late + [100] * (100 - late)
    return {"generator_at": lambda s: generator(lag_us=values) if at_second in (None, s) else generator()}


def without_window(found: ScenarioRun, sequence: int) -> ScenarioRun:
    return replace(found, windows=tuple(w for w in found.windows if w.sequence != sequence))


DEAD = ProcessEnd("0", clean=False, windows=None, reason="killed by signal 9")
FAULTY = ProcessEnd("0", clean=True, windows=20, faults={"no more file descriptors": 7})

REASONS = [
    pytest.param(run(status="running"), "never finished", id="the coordinator was killed"),
    pytest.param(
        run(status="interrupted", ended_s=12.0, stop_reason="stopped by the user"),
        "interrupted after 12 s: stopped by the user",
        id="the user stopped it",
    ),
    pytest.param(run(processes=(DEAD,)), "engine process 0 died: killed by signal 9", id="an engine process died"),
    pytest.param(
        run(processes=(FAULTY,)), "no more file descriptors (7 times)", id="the generator ran out of descriptors"
    ),
    pytest.param(run(expected_processes=2), "1 of 2 engine processes never reported", id="a process is absent"),
    pytest.param(
        without_window(run(), 7), "1 of 20 windows of engine process 0 are missing", id="a gap in the windows"
    ),
    pytest.param(without_window(run(), 19), "1 of 20 windows", id="the last window is missing"),
    pytest.param(replace(run(), windows=(*run().windows, run().windows[3])), "came twice", id="a window came twice"),
    pytest.param(
        run(at=lambda s: tally(ms(*[5] * 98))),
        "fired 1,960 of the 2,000 arrivals that were due (98%",
        id="it fell behind",
    ),
    pytest.param(run(at=lambda _: tally()), "fired 0 of the 2,000", id="it fired nothing at all"),
    pytest.param(
        run(scenario("p50 < 200ms"), **lagging(25_000, share=0.02)),
        "start lag p99 is 25",
        id="lag over 10% of the limit",
    ),
    pytest.param(
        run(scenario(), **lagging(11_000, share=0.02)), "start lag p99 is 11", id="lag over 10 ms, no limit given"
    ),
    pytest.param(
        run(scenario("p50 < 20ms"), **lagging(3_000, share=0.6)),
        "too late to judge p50 < 20ms: start lag p50 is 3",
        id="lag at the quantile of a tight threshold",
    ),
    pytest.param(
        run(**lagging(2_000_000, share=0.05, at_second=9)), "stood still for 2 s", id="stopped by SIGSTOP for 2 s"
    ),
    pytest.param(
        run(generator_at=lambda s: generator(loop_lag=[600_000] if s == 4 else [100])),
        "stood still for 600 ms (longest loop lag)",
        id="the event loop hung",
    ),
    pytest.param(
        run(generator_at=lambda s: generator(gc_pause=[700_000] if s == 4 else [100])),
        "stood still for 700 ms (longest gc pause)",
        id="the garbage collector took too long",
    ),
    pytest.param(
        run(generator_at=lambda _: generator(cpu=0.97)), "used 97% of a core", id="the generator was the bottleneck"
    ),
    pytest.param(
        run(scenario("p99 < 2s", warmup_ns=30 * SECOND)), "the steady interval is empty", id="all of it was warm-up"
    ),
]


@pytest.mark.parametrize(("found", "reason"), REASONS)
def test_a_fault_of_the_generator_makes_the_run_invalid_and_is_named(found: ScenarioRun, reason: str) -> None:
    health = examine(found)
    assert not health.valid
    assert any(reason in said for said in health.reasons), health.reasons


HARMLESS = [
    pytest.param(run(), id="everything as planned"),
    pytest.param(
        run(at=lambda s: tally(ms(*[2_500] * 100), completed=0 if s == 9 else 100)), id="a target that stalls 2 s"
    ),
    pytest.param(run(at=lambda _: tally(failed={"connect": 100})), id="a target that refuses every connection"),
    pytest.param(run(at=lambda _: tally(ms(*[5] * 50), dropped=50)), id="drops: fired, and no room for them"),
    pytest.param(run(**lagging(15_000, share=0.02)), id="lag within 10% of a 2 s limit"),
    pytest.param(run(**lagging(400_000, share=0.005, at_second=3)), id="a pause of 400 ms, once"),
    pytest.param(
        run(scenario("p99 < 2s", warmup_ns=5 * SECOND), **lagging(2_000_000, share=0.5, at_second=2)),
        id="a pause in the warm-up",
    ),
    pytest.param(run(generator_at=lambda _: generator(cpu=0.75)), id="a generator at 75% of a core"),
    pytest.param(
        run(scenario("service p50 < 5ms"), **lagging(3_000, share=0.6)), id="lag does not touch the service time"
    ),
    pytest.param(
        run(at=lambda s: tally(ms(*[5] * 100)) if s < 10 else Tally(), ended_s=10.0, status="aborted"), id="aborted"
    ),
]


@pytest.mark.parametrize("found", HARMLESS)
def test_what_is_not_the_generators_fault_leaves_the_run_valid(found: ScenarioRun) -> None:
    assert examine(found).reasons == ()


WARNINGS = [
    pytest.param(run(generator_at=lambda _: generator(cpu=0.85)), "used 85% of a core", id="CPU from 80% of a core"),
    pytest.param(
        run(
            replace(scenario(rate=100), load=OpenLoad((Stage(100, 20 * SECOND, ramp=False),), max_in_flight=20)),
            at=lambda _: tally(ms(*[500] * 40), dropped=60),
        ),
        "1,200 arrivals found max_in_flight (20) reached and were dropped: at 100/s and 500 ms on average, 50 would be",
        id="drops, with Little's law",
    ),
    pytest.param(run(at=lambda _: tally(ms(*[5] * 99), cut_off=1)), "20 executions were still running", id="cut off"),
    pytest.param(run(at=lambda _: tally([0] + [5_000] * 99)), "20 times lay outside", id="times that were clamped"),
    pytest.param(
        run(generator_at=lambda s: generator(counters={CORE_WAIT_NS: 100_000_000 if s % 2 else 0})),
        "waited for a core 5% of the time",
        id="other programs had its core, 5% of the time",
    ),
    pytest.param(
        run(generator_at=lambda s: generator(counters={MAJOR_FAULTS: 3 if s == 4 else 0})),
        "stood still 3 times until a page had been read from disk",
        id="a machine short of memory",
    ),
    pytest.param(
        run(status="aborted", ended_s=20.0, stop_reason="errors < 1% was missed"),
        "stopped early: errors < 1% was missed",
        id="stopped early",
    ),
]


@pytest.mark.parametrize(("found", "warning"), WARNINGS)
def test_what_deserves_a_word_is_a_warning(found: ScenarioRun, warning: str) -> None:
    assert any(warning in said for said in examine(found).warnings), examine(found).warnings


def test_a_healthy_run_has_nothing_to_warn_of() -> None:
    assert examine(run()).warnings == ()


def test_waiting_for_a_core_is_told_also_where_it_deserves_no_warning() -> None:
    """Of a run whose engine did not note it (an older one, another system), nothing is claimed."""
    health = examine(run(generator_at=lambda _: generator(counters={CORE_WAIT_NS: 49_000_000, MAJOR_FAULTS: 0})))
    assert (health.core_wait, health.warnings) == (pytest.approx(0.049), ())
    assert examine(run()).core_wait is None


def test_the_figures_of_health_are_those_of_the_steady_interval() -> None:
    at = lambda s: tally(ms(*[5] * 90), dropped=10) if s >= 5 else tally(ms(*[5] * 100))  # noqa: E731
    health = examine(run(scenario(warmup_ns=5 * SECOND), at=at))
    assert (health.offered, health.dropped) == (1_500, 150)
    assert (health.offered_per_s, health.achieved_per_s) == (100, 90)
    assert (health.lag_p50_ns, health.cpu) == (100_000, 0.3)


def test_a_poisson_schedule_is_compared_with_its_own_arrivals() -> None:
    """The seeded schedule has so many arrivals due, not rate times seconds; all of them fired is 100%."""
    load = OpenLoad((Stage(50, 20 * SECOND, ramp=False),), arrivals="poisson")
    of = replace(scenario(), load=load, seed=3)
    due = [0] * 20
    for chunk in arrivals(of):
        for second in chunk.due_ns // SECOND:
            due[second] += 1
    health = examine(run(of, at=lambda s: tally(ms(*[5] * due[s]))))
    assert health.valid
    assert health.offered == sum(due) != 1_000


def test_a_run_that_ended_early_owes_only_the_arrivals_until_then() -> None:
    at = lambda s: tally(ms(*[5] * (100 if s < 7 else 50))) if s < 8 else Tally()  # noqa: E731
    health = examine(run(at=at, ended_s=7.5, status="aborted"))
    assert health.valid
    assert health.offered == 750


def test_windows_of_two_processes_are_counted_apart() -> None:
    found = run()
    other = tuple(replace(window, process="1", sequence=i) for i, window in enumerate(found.windows) if i != 5)
    both = replace(
        found,
        windows=(*found.windows, *other),
        processes=(ProcessEnd("0", clean=True, windows=20), ProcessEnd("1", clean=True, windows=20)),
        expected_processes=2,
    )
    assert any("1 of 20 windows of engine process 1" in reason for reason in examine(both).reasons)


@pytest.mark.parametrize(
    ("thresholds", "at", "said"),
    [
        pytest.param(["p99 < 2s"], healthy, 0, id="nothing is wrong"),
        pytest.param(["p99 < 2s"], lambda _: tally(ms(*[5] * 95), dropped=5), 1, id="5% drops that nothing judges"),
        pytest.param(["drops < 10%"], lambda _: tally(ms(*[5] * 95), dropped=5), 0, id="drops that a threshold judges"),
        pytest.param(
            ["p99 < 2s"], lambda _: tally(ms(*[5] * 95), failed={"reset": 5}), 1, id="failures nothing judges"
        ),
        pytest.param(
            ["success > 50%"], lambda _: tally(ms(*[5] * 95), failed={"reset": 5}), 0, id="success judges them"
        ),
        pytest.param(
            ["timeouts < 50%"], lambda _: tally(ms(*[5] * 95), failed={"reset": 5}), 1, id="timeouts does not"
        ),
        pytest.param(
            ["put: errors < 9%"], lambda _: tally(ms(*[5] * 95), failed={"reset": 5}), 1, id="another operation"
        ),
        pytest.param(["get: errors < 9%"], lambda _: tally(ms(*[5] * 95), failed={"reset": 5}), 0, id="its operation"),
        pytest.param(
            ["p99 < 2s"], lambda _: tally(ms(*[5] * 199), failed={"reset": 1}), 0, id="half a percent is let go"
        ),
    ],
)
def test_drops_and_failures_over_one_percent_do_not_pass_in_silence(
    thresholds: list[str], at: object, said: int
) -> None:
    of = scenario(*thresholds)
    assert len(unjudged(run(of, at=at), of.thresholds)) == said
