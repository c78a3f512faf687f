"""The schedule and its dispatch: what one arrival costs before any protocol has touched it."""

from collections.abc import Callable
from dataclasses import replace

from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.cost.floor import note, timed
from loadtests.clock import VirtualClock
from loadtests.drive.drivers.base import Surroundings
from loadtests.drive.drivers.null import NullDriver
from loadtests.drive.open_model import OpenArrivals
from loadtests.drive.recorder import Recorder
from loadtests.law import parse_law
from loadtests.plan.model import OpenLoad, Scenario, Stage, Target
from loadtests.plan.profile import arrivals
from loadtests.plan.protocol.null import NullOperation

_S = 1_000_000_000
_RATE = 20_000.0
_MS = 1_000_000
_MOST_SCHEDULE_FLOORS = 4
_MOST_DISPATCH_FLOORS = 250


def _scenario(law: str) -> Scenario:
    operations = (NullOperation("often", parse_law(law), weight=3.0), NullOperation("seldom", parse_law(law)))
    return Scenario("cost", "null", OpenLoad((Stage(_RATE, _S, ramp=False),), max_in_flight=10_000), operations)


def test_generate_a_constant_schedule(benchmark: BenchmarkFixture) -> None:
    """Due times and the choice between two operations, in bulk."""
    benchmark(lambda: sum(len(chunk.due_ns) for chunk in arrivals(_scenario("0"))))
    note(benchmark, int(_RATE))
    assert benchmark.extra_info.get("of_floor", 0) < _MOST_SCHEDULE_FLOORS


def test_generate_a_poisson_schedule(benchmark: BenchmarkFixture) -> None:
    """The same with exponential distances."""
    scenario = _scenario("0")
    load = scenario.load
    assert isinstance(load, OpenLoad)
    poisson = replace(scenario, load=replace(load, arrivals="poisson"))
    benchmark(lambda: sum(len(chunk.due_ns) for chunk in arrivals(poisson)))
    note(benchmark, int(_RATE))
    assert benchmark.extra_info.get("of_floor", 0) < _MOST_SCHEDULE_FLOORS


def test_dispatch_one_arrival_answered_at_once(benchmark: BenchmarkFixture) -> None:
    """From the schedule through the load model and the null driver onto the tape, without waiting."""
    timed(benchmark, _run, setup=_prepared("0"), rounds=8)
    note(benchmark, int(_RATE))
    assert benchmark.extra_info.get("of_floor", 0) < _MOST_DISPATCH_FLOORS


def test_dispatch_one_arrival_answered_later(benchmark: BenchmarkFixture) -> None:
    """The same, with an answer 5 ms later: one more instant of the clock each."""
    timed(benchmark, _run, setup=_prepared("5ms"), rounds=8)
    note(benchmark, int(_RATE))
    assert benchmark.extra_info.get("of_floor", 0) < _MOST_DISPATCH_FLOORS


def test_dispatch_fires_the_whole_schedule() -> None:
    """The benchmark's run offers every arrival, and none is left in flight."""
    clock, model, recorder = _prepared("5ms")()
    _run(clock, model, recorder)
    assert len(recorder.tape("often")) + len(recorder.tape("seldom")) == int(_RATE)
    assert model.in_flight == 0


_Prepared = tuple[VirtualClock, OpenArrivals, Recorder]


def _prepared(law: str) -> Callable[[], _Prepared]:
    scenario = _scenario(law)

    def setup() -> _Prepared:
        clock = VirtualClock()
        recorder = Recorder("cost", "0", emit=lambda _: None, sample=lambda _: None)
        recorder.begin(0)
        driver = NullDriver(Surroundings(scenario, Target(), recorder, clock))
        return clock, OpenArrivals(scenario, driver, recorder, clock=clock), recorder

    return setup


def _run(clock: VirtualClock, model: OpenArrivals, _recorder: Recorder) -> None:
    model.begin(0, lambda: None)
    for _ in range(1_020):
        clock.advance(_MS)
