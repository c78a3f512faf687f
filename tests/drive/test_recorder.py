"""Recording: every execution lands once, in the second it was due, and sums do not depend on how they were cut."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.drive.recorder import GENERATOR, Recorder
from loadtests.result.histogram import Histogram
from loadtests.result.run import FailureSample
from loadtests.result.window import (
    COMPLETED_OK,
    CUT_OFF,
    DROPPED,
    OFFERED,
    OK,
    RESPONSE_FAILED,
    RESPONSE_OK,
    SERVICE_OK,
    Tally,
    Window,
)

S = 1_000_000_000
MS = 1_000_000


def make(sample: Callable[[FailureSample], None] = lambda _: None, start_ns: int = 0) -> tuple[Recorder, list[Window]]:
    windows: list[Window] = []
    recorder = Recorder("api", "0", emit=windows.append, sample=sample)
    recorder.begin(start_ns)
    return recorder, windows


def total(windows: list[Window], name: str, second: int | None = None) -> Tally:
    return Tally.merge(
        w.operations[name] for w in windows if name in w.operations and (second is None or w.second == second)
    )


def test_an_answer_counts_in_the_second_it_was_due_and_completes_in_the_second_it_ended() -> None:
    """A request due at 0.9 s that ends at 2.1 s is latency of second 0 and throughput of second 2."""
    recorder, windows = make(start_ns=50 * S)
    tape = recorder.tape("a")
    tape.started(50 * S + 900 * MS)
    tape.fired(50 * S + 901 * MS)
    tape.ok(50 * S + 900 * MS, 50 * S + 901 * MS, 50 * S + 2100 * MS)
    recorder.close()
    first, third = total(windows, "a", 0), total(windows, "a", 2)
    assert (first.count(OFFERED), first.count(OK), first.count(COMPLETED_OK)) == (1, 1, 0)
    assert (third.count(OK), third.count(COMPLETED_OK)) == (0, 1)
    assert first.histogram(RESPONSE_OK) == Histogram.of_us(np.array([1_200_000]))
    assert first.histogram(SERVICE_OK) == Histogram.of_us(np.array([1_199_000]))


def test_failures_are_kept_by_kind_and_apart_from_good_latencies() -> None:
    """A timeout shows under its kind with its full waiting time, and not among the OK answers."""
    recorder, windows = make()
    tape = recorder.tape("a")
    tape.failed("timeout", 0, 0, 5 * S)
    tape.failed("reset", 0, 0, 1 * MS)
    tape.failed("reset", 0, 0, 2 * MS)
    recorder.close()
    seen = total(windows, "a")
    assert seen.failures == {"reset": 2, "timeout": 1}
    assert seen.histogram(RESPONSE_OK).total == 0
    assert seen.histogram(RESPONSE_FAILED).max_us == pytest.approx(5_000_000, rel=1e-3)


def test_drops_and_cut_off_executions_are_counted() -> None:
    """Neither is silently left out."""
    recorder, windows = make()
    tape = recorder.tape("a")
    tape.dropped(1 * S)
    tape.cut_off(1 * S)
    recorder.close()
    assert (total(windows, "a", 1).count(DROPPED), total(windows, "a", 1).count(CUT_OFF)) == (1, 1)


def test_start_lag_belongs_to_the_generator() -> None:
    """How late an arrival was fired is the generator's figure, not the operation's."""
    recorder, windows = make()
    tape = recorder.tape("a")
    tape.started(1000)
    tape.fired(1000 + 3 * MS)
    recorder.close()
    lag = Tally.merge(w.generator for w in windows).histogram("start lag")
    assert lag == Histogram.of_us(np.array([3000]))


def test_further_measures_have_their_own_histogram() -> None:
    """A driver can add any measure, such as the connect time."""
    recorder, windows = make()
    connect = recorder.tape("a").measure("connect")
    connect(0, 2 * MS)
    recorder.close()
    assert total(windows, "a").histogram("connect") == Histogram.of_us(np.array([2000]))


@given(
    latencies=st.lists(st.integers(min_value=-5, max_value=4 * 3600 * S), max_size=60),
    turns=st.lists(st.integers(min_value=0, max_value=60), max_size=8),
)
def test_sums_do_not_depend_on_when_windows_are_given_out(latencies: list[int], turns: list[int]) -> None:
    """However often housekeeping cuts in, the windows add up to the histogram of all values."""
    recorder, windows = make()
    tape = recorder.tape("a")
    for number, latency in enumerate(latencies):
        due = number * 100 * MS
        tape.started(due)
        tape.fired(due)
        tape.ok(due, due, due + latency)
        for _ in range(turns.count(number)):
            recorder.housekeep(due + 2 * S)
    recorder.close()
    seen = total(windows, "a")
    assert seen.count(OK) == seen.count(OFFERED) == len(latencies)
    assert seen.histogram(RESPONSE_OK) == Histogram.of_ns(np.array(latencies, np.int64))
    assert [w.sequence for w in windows] == list(range(len(windows)))


def test_a_long_run_gives_out_each_second_once_when_answers_are_prompt() -> None:
    """With prompt answers there is one window per second and operation, soon after the second's end."""
    recorder, windows = make()
    tape = recorder.tape("a")
    now = 0
    while now < 10 * S:
        if now % (10 * MS) == 0:
            tape.started(now)
            tape.fired(now)
            tape.ok(now, now, now + MS)
        recorder.housekeep(now)
        now += 2 * MS
    seconds = [w.second for w in windows if "a" in w.operations]
    assert seconds == list(range(9))
    assert all(w.operations["a"].count(OK) == 100 for w in windows if "a" in w.operations)


def test_a_backlog_larger_than_a_slice_is_not_lost() -> None:
    """After a pause more rows wait than one fold takes; all of them arrive."""
    recorder, windows = make()
    tape = recorder.tape("a")
    for _ in range(30_000):
        tape.started(0)
        tape.fired(0)
        tape.ok(0, 0, MS)
    recorder.housekeep(1)
    recorder.close()
    assert total(windows, "a").count(OK) == 30_000


def test_samples_of_failures_are_bounded_and_cut_to_length() -> None:
    """Twenty per operation and kind, 2,000 characters each."""
    samples: list[FailureSample] = []
    recorder, _ = make(samples.append, start_ns=S)
    for _ in range(100):
        recorder.sample("a", "reset", 2 * S, "x" * 9000)
    recorder.sample("a", "timeout", 2 * S, "y")
    assert len(samples) == 21
    assert len(samples[0].message) == 2000
    assert samples[0].at_s == 1.0
    assert not recorder.wants_sample("a", "reset")


def test_generator_counters_go_to_the_generators_tally() -> None:
    """CPU and memory figures never look like an operation."""
    recorder, windows = make()
    recorder.generator("cpu_ns", 1 * S, 7)
    recorder.generator("cpu_ns", 1 * S, 8)
    recorder.close()
    assert [w.generator.count("cpu_ns") for w in windows] == [15]
    assert GENERATOR not in {name for w in windows for name in w.operations}
