"""The load models on a virtual clock: who is fired when, who is dropped, and when it is over."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from loadtests.clock import VirtualClock
from loadtests.drive.closed_model import ClosedUsers
from loadtests.drive.drivers.base import Driver, Surroundings
from loadtests.drive.drivers.null import NullDriver
from loadtests.drive.open_model import OpenArrivals
from loadtests.drive.recorder import Recorder
from loadtests.law import parse_law
from loadtests.plan.model import ClosedLoad, OpenLoad, Scenario, Stage, Target
from loadtests.plan.protocol.null import NullOperation
from loadtests.result.window import DROPPED, OFFERED, OK, RESPONSE_OK, SERVICE_OK, Tally, Window

S = 1_000_000_000
MS = 1_000_000


class SlowDriver(Driver):
    """Answers each execution `latency_ns` after it was fired, and remembers every firing."""

    def __init__(self, surroundings: Surroundings, latency_ns: int = 0) -> None:
        super().__init__(surroundings)
        self.latency_ns = latency_ns
        self.fired: list[tuple[int, int, int, int]] = []

    def fire(self, operation: int, index: int, intended_ns: int, user: int) -> None:
        sent = self.clock.now()
        self.fired.append((sent, index, intended_ns, user))
        if self.latency_ns == 0:
            self.recorder.tape("work").ok(intended_ns, sent, sent)
            self.finished(user)
            return
        self.clock.at(sent + self.latency_ns, self._answer, (intended_ns, sent, user))

    def _answer(self, what: tuple[int, int, int]) -> None:
        intended, sent, user = what
        self.recorder.tape("work").ok(intended, sent, self.clock.now())
        self.finished(user)

    def cut_off(self) -> None:
        """Nothing to let go of."""


def scenario(load: OpenLoad | ClosedLoad, law: str = "0") -> Scenario:
    return Scenario("s", "null", load, (NullOperation("work", parse_law(law)),))


def open_load(rate: float, seconds: float, max_in_flight: int = 1000) -> OpenLoad:
    return OpenLoad((Stage(rate, round(seconds * S), ramp=False),), max_in_flight=max_in_flight)


def surroundings(what: Scenario, clock: VirtualClock, windows: list[Window]) -> Surroundings:
    recorder = Recorder(what.name, "0", emit=windows.append, sample=lambda _: None)
    recorder.begin(0)
    return Surroundings(what, Target(), recorder, clock)


def summed(windows: Sequence[Window]) -> Tally:
    return Tally.merge(tally for window in windows for tally in window.operations.values())


class TestOpenModel:
    """Arrivals never wait."""

    def test_arrivals_are_fired_at_their_instants_whatever_the_answers_do(self) -> None:
        """Ten a second for a second, answers taking a minute: ten firings, 100 ms apart."""
        what, clock = scenario(open_load(10, 1)), VirtualClock()
        driver = SlowDriver(surroundings(what, clock, []), latency_ns=60 * S)
        ended: list[int] = []
        OpenArrivals(what, driver, driver.recorder, clock=clock).begin(0, lambda: ended.append(clock.now()))
        clock.advance(2 * S)
        assert [sent for sent, *_ in driver.fired] == [n * 100 * MS for n in range(10)]
        assert ended == [S]

    def test_a_stalled_generator_fires_the_backlog_late_with_its_intended_starts(self) -> None:
        """A stop of the generator is start lag and response time, never lost arrivals."""
        what, clock, windows = scenario(open_load(10, 1)), VirtualClock(), []
        driver = SlowDriver(surroundings(what, clock, windows), latency_ns=MS)
        OpenArrivals(what, driver, driver.recorder, clock=clock).begin(0, lambda: None)
        clock.advance(50 * MS)
        clock.stall(500 * MS)
        clock.advance(S)
        driver.recorder.close()
        assert [intended for _, _, intended, _ in driver.fired] == [n * 100 * MS for n in range(10)]
        assert [sent for sent, *_ in driver.fired][1:6] == [550 * MS] * 5
        lag = Tally.merge(w.generator for w in windows).histogram("start lag")
        assert lag.max_us == pytest.approx(450_000, rel=1e-3)
        assert summed(windows).histogram(RESPONSE_OK).max_us == pytest.approx(451_000, rel=1e-3)
        assert summed(windows).histogram(SERVICE_OK).max_us == 1000

    def test_an_arrival_that_finds_no_room_is_dropped_and_counted(self) -> None:
        """Two places, answers never come: eight of ten arrivals are drops, and offered all the same."""
        what, clock, windows = scenario(open_load(10, 1, max_in_flight=2)), VirtualClock(), []
        driver = SlowDriver(surroundings(what, clock, windows), latency_ns=60 * S)
        OpenArrivals(what, driver, driver.recorder, clock=clock).begin(0, lambda: None)
        clock.advance(2 * S)
        driver.recorder.close()
        assert len(driver.fired) == 2
        assert (summed(windows).count(OFFERED), summed(windows).count(DROPPED)) == (10, 8)

    @pytest.mark.parametrize("shards", [1, 2, 3])
    def test_shards_offer_the_whole_schedule_once(self, shards: int) -> None:
        """Every index is fired by exactly one shard, and the room is shared out completely."""
        what = scenario(open_load(100, 1, max_in_flight=7))
        seen: list[int] = []
        room = 0
        for shard in range(shards):
            clock = VirtualClock()
            driver = SlowDriver(surroundings(what, clock, []))
            arrivals = OpenArrivals(what, driver, driver.recorder, clock=clock, shard=shard, shards=shards)
            arrivals.begin(0, lambda: None)
            clock.advance(2 * S)
            seen += [index for _, index, _, _ in driver.fired]
            room += arrivals._room
        assert sorted(seen) == list(range(100))
        assert room == 7

    def test_stopping_fires_nothing_more(self) -> None:
        """After `stop` the rest of the schedule is not offered, and not counted as offered."""
        what, clock, windows = scenario(open_load(10, 10)), VirtualClock(), []
        driver = SlowDriver(surroundings(what, clock, windows))
        ended: list[int] = []
        arrivals = OpenArrivals(what, driver, driver.recorder, clock=clock)
        arrivals.begin(0, lambda: ended.append(clock.now()))
        clock.advance(S)
        arrivals.stop()
        arrivals.stop()
        clock.advance(20 * S)
        driver.recorder.close()
        assert summed(windows).count(OFFERED) == len(driver.fired) == 11
        assert ended == [S]


class TestClosedModel:
    """Users wait for their answers."""

    def run(self, load: ClosedLoad, latency_ns: int, seconds: float) -> tuple[SlowDriver, list[Window]]:
        what, clock, windows = scenario(load), VirtualClock(), []
        driver = SlowDriver(surroundings(what, clock, windows), latency_ns)
        ClosedUsers(what, driver, driver.recorder, clock=clock).begin(0, lambda: None)
        clock.advance(round(seconds * S))
        driver.recorder.close()
        return driver, windows

    def test_without_think_time_a_user_goes_on_at_once(self) -> None:
        """Three users, 100 ms answers, one second: thirty executions, and response equals service time."""
        driver, windows = self.run(ClosedLoad(3, S), 100 * MS, 2)
        assert len(driver.fired) == 30
        seen = summed(windows)
        assert seen.histogram(RESPONSE_OK) == seen.histogram(SERVICE_OK)

    def test_with_think_time_each_cycle_is_answer_plus_thought(self) -> None:
        """100 ms answer and 150 ms thought: a start every 250 ms."""
        driver, windows = self.run(ClosedLoad(1, S, think_ns=(150 * MS, 150 * MS)), 100 * MS, 2)
        assert [sent for sent, *_ in driver.fired] == [0, 250 * MS, 500 * MS, 750 * MS]
        assert summed(windows).histogram(RESPONSE_OK) == summed(windows).histogram(SERVICE_OK)

    def test_pacing_keeps_a_grid_and_charges_lateness_to_the_response_time(self) -> None:
        """A pace of 100 ms with answers of 150 ms: each start comes later than its place, response time shows it."""
        driver, windows = self.run(ClosedLoad(1, S, pacing_ns=100 * MS), 150 * MS, 3)
        assert [intended for _, _, intended, _ in driver.fired][:4] == [0, 100 * MS, 200 * MS, 300 * MS]
        assert [sent for sent, *_ in driver.fired][:4] == [0, 150 * MS, 300 * MS, 450 * MS]
        assert summed(windows).histogram(SERVICE_OK).max_us == pytest.approx(150_000, rel=1e-3)
        assert summed(windows).histogram(RESPONSE_OK).max_us > 400_000
        lag = Tally.merge(w.generator for w in windows).histogram("start lag")
        assert lag.max_us == 1, "waiting for the user's own slow answer is not the generator's lag"

    def test_users_spawn_at_their_rate(self) -> None:
        """Four users at two a second start half a second apart."""
        driver, _ = self.run(ClosedLoad(4, 3 * S, spawn_rate=2), 10 * S, 3)
        assert [(sent, user) for sent, _, _, user in driver.fired] == [(n * S // 2, n) for n in range(4)]

    def test_every_execution_has_its_own_index(self) -> None:
        """Feeders are functions of the index, so no two executions may share one."""
        driver, _ = self.run(ClosedLoad(5, S), 100 * MS, 2)
        indices = [index for _, index, _, _ in driver.fired]
        assert len(set(indices)) == len(indices) == 50

    @pytest.mark.parametrize("latency_ns", [100 * MS, 0], ids=["a while later", "within the call"])
    def test_what_is_in_flight_is_what_has_started_and_not_ended(self, latency_ns: int) -> None:
        """All users while they wait, none once the last has been answered: the engine drains until then."""
        what, clock = scenario(ClosedLoad(3, S)), VirtualClock()
        driver = SlowDriver(surroundings(what, clock, []), latency_ns)
        users = ClosedUsers(what, driver, driver.recorder, clock=clock)
        users.begin(0, lambda: None)
        if latency_ns:
            clock.advance(550 * MS)
            assert users.in_flight == 3
            clock.advance(S)
        else:
            clock.stall(500 * MS)
            clock.stall(S)
        assert users.in_flight == 0

    def test_answers_within_the_call_do_not_nest(self) -> None:
        """A driver that answers at once must not exhaust the stack, nor keep the loop from its turn."""
        what, clock = scenario(ClosedLoad(1, S)), VirtualClock()
        driver = SlowDriver(surroundings(what, clock, []))
        users = ClosedUsers(what, driver, driver.recorder, clock=clock)
        users.begin(0, lambda: None)
        for _ in range(50):
            clock.stall(0)
        assert len(driver.fired) > 2000
        users.stop()


class TestNullDriver:
    """Exact answers, whatever the engine does."""

    def test_latencies_follow_the_law_exactly(self) -> None:
        """5 ms with 2% at 100 ms over 1,000 executions: 20 slow ones."""
        what, clock, windows = scenario(open_load(1000, 1), "5ms, 100ms 2%"), VirtualClock(), []
        driver = NullDriver(surroundings(what, clock, windows))
        OpenArrivals(what, driver, driver.recorder, clock=clock).begin(0, lambda: None)
        clock.advance(3 * S)
        driver.recorder.close()
        found = summed(windows).histogram(RESPONSE_OK)
        assert (found.total, found.count_over_us(6000)) == (1000, 20)

    def test_every_kth_execution_fails_when_told_to(self) -> None:
        """`fail_every: 10` over 100 executions is ten failures of kind `dialled`."""
        what, clock, windows = scenario(open_load(100, 1)), VirtualClock(), []
        what = replace(what, operations=(NullOperation("work", parse_law("1ms"), fail_every=10),))
        driver = NullDriver(surroundings(what, clock, windows))
        OpenArrivals(what, driver, driver.recorder, clock=clock).begin(0, lambda: None)
        clock.advance(3 * S)
        driver.recorder.close()
        assert summed(windows).failures == {"dialled": 10}
        assert summed(windows).count(OK) == 90

    def test_an_answer_later_than_the_timeout_is_a_timeout_at_its_limit(self) -> None:
        """The wait is recorded in full."""
        what, clock, windows = scenario(open_load(10, 1), "5s"), VirtualClock(), []
        driver = NullDriver(surroundings(replace(what, timeout_ns=S), clock, windows))
        OpenArrivals(driver.scenario, driver, driver.recorder, clock=clock).begin(0, lambda: None)
        clock.advance(5 * S)
        driver.recorder.close()
        assert summed(windows).failures == {"timeout": 10}

    def test_what_still_runs_at_the_end_is_cut_off_and_counted(self) -> None:
        """Nothing disappears."""
        what, clock, windows = scenario(open_load(10, 1), "5s"), VirtualClock(), []
        driver = NullDriver(surroundings(what, clock, windows))
        OpenArrivals(what, driver, driver.recorder, clock=clock).begin(0, lambda: None)
        clock.advance(2 * S)
        driver.cut_off()
        driver.recorder.close()
        assert summed(windows).count("cut_off") == 10
