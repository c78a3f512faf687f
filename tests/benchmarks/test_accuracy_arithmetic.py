"""The truth's own arithmetic, against figures worked out by hand: nothing else would notice a wrong truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.accuracy.behaviour import MS, Answering, Behaviour, Ending, S, Stall, Step, evenly
from benchmarks.accuracy.cases import cases
from benchmarks.accuracy.ledger import rank_value
from benchmarks.accuracy.truth import closed, open_model

FIVE = (Step(5 * MS),)
WITH_STALL = Behaviour(FIVE, stall=Stall(after_ns=100 * MS, length_ns=50 * MS))


@pytest.mark.parametrize(
    ("received_ms", "answered_ms"),
    [
        pytest.param(90, 95, id="work done before the stall is not touched"),
        pytest.param(95, 100, id="work done at the very instant of the stall is done"),
        pytest.param(98, 153, id="work begun before the stall goes on after it"),
        pytest.param(100, 155, id="what comes at the beginning of the stall waits for all of it"),
        pytest.param(130, 155, id="what comes in the stall begins when it ends"),
        pytest.param(150, 155, id="the stall's end belongs to the time after it"),
    ],
)
def test_standing_time_is_no_work(received_ms: int, answered_ms: int):
    """A stall postpones exactly the work that meets it."""
    server = Answering(WITH_STALL)
    server.answer(0)
    assert server.answer(received_ms * MS) == (answered_ms * MS, Ending.GOOD)


@pytest.mark.parametrize(
    ("received_ms", "answered_ms"),
    [
        pytest.param(90, 95, id="before the first"),
        pytest.param(120, 155, id="in the first"),
        pytest.param(150, 155, id="between the first and the second"),
        pytest.param(298, 353, id="begun before the second"),
        pytest.param(320, 355, id="in the second"),
        pytest.param(1149, 1155, id="at the end of the sixth"),
        pytest.param(1150, 1155, id="after the sixth"),
    ],
)
def test_stalls_that_come_again_postpone_what_meets_any_of_them(received_ms: int, answered_ms: int):
    """50 ms from 100 ms on, every 200 ms."""
    answering = Answering(Behaviour(FIVE, stall=Stall(100 * MS, 50 * MS, every_ns=200 * MS)))
    answering.answer(0)
    assert answering.answer(received_ms * MS)[0] == answered_ms * MS


def test_the_stall_is_counted_from_the_first_request():
    """The server does not know when a run starts, only when its first request comes."""
    server = Answering(WITH_STALL)
    server.answer(7 * S)
    assert server.answer(7 * S + 120 * MS)[0] == 7 * S + 155 * MS


def test_one_answer_at_a_time_is_a_single_server_queue():
    """With a gap equal to the service time, the n-th of n at once waits for all before it; an idle server forgets."""
    server = Answering(Behaviour((Step(1 * MS),), gap_ns=1 * MS))
    assert [server.answer(0)[0] for _ in range(3)] == [1 * MS, 2 * MS, 3 * MS]
    assert server.answer(10 * MS)[0] == 11 * MS


def test_steps_are_spread_evenly_and_exactly():
    """A period holds each step as often as it says, and no run of fast answers is longer than need be."""
    period = evenly((Step(5, 6), Step(100, 2)))
    assert sorted(period) == [5] * 6 + [100] * 2
    slow = [index for index, latency in enumerate(period) if latency == 100]
    assert 3 <= slow[1] - slow[0] <= 5


def test_failures_come_at_their_exact_turn():
    """Every 20th is an error; every 50th a reset, in turn before any byte and half-way through."""
    errors = Behaviour(FIVE, error_every=20, error_ns=MS)
    assert [n for n in range(60) if errors.ending(n) is Ending.ERROR] == [19, 39, 59]
    resets = Behaviour(FIVE, reset_every=50)
    assert [resets.ending(n) for n in (48, 49, 50, 99, 149)] == [
        Ending.GOOD,
        Ending.RESET,
        Ending.GOOD,
        Ending.CUT,
        Ending.RESET,
    ]


def test_the_backlog_of_a_narrow_server_grows_by_arithmetic():
    """Offered 1,200/s, able to do 1,000/s: response n is (n + 1) services minus its due time."""
    due = [round(n * S / 1200) for n in range(6000)]
    truth = open_model(Behaviour((Step(MS),), gap_ns=MS), due, room=10**6)
    assert (truth.ended_ns - truth.intended_ns).tolist() == [(n + 1) * MS - at for n, at in enumerate(due)]


def test_a_full_room_drops_what_the_server_cannot_take():
    """What is let in is the room plus what was answered until the last arrival, within one of each end."""
    due = [round(n * S / 1200) for n in range(12_000)]
    truth = open_model(Behaviour((Step(MS),), gap_ns=MS), due, room=100)
    let_in = 100 + due[-1] // MS
    assert abs(len(truth.ended(Ending.GOOD)) - let_in) <= 1
    assert len(truth.ended(Ending.DROPPED)) + len(truth.ended(Ending.GOOD)) == 12_000


def test_users_without_pace_meet_a_stall_once_each():
    """Coordinated omission: 10 users, a stall of 1 s, and 10 slow answers, though 2,000 should have been asked for."""
    truth = closed(Behaviour(FIVE, stall=Stall(2 * S, 1 * S)), 10, duration_ns=5 * S, spawn_rate=2000.0)
    took = truth.ended_ns - truth.intended_ns
    assert int((took > 500 * MS).sum()) == 10
    assert truth.response_ns(0.99) == 5 * MS


def test_users_with_a_pace_owe_what_the_stall_kept_them_from():
    """One user, pace 10 ms, answers in 5 ms, a stall of 100 ms: each late start comes 5 ms nearer to its time."""
    behaviour = Behaviour(FIVE, stall=Stall(20 * MS, 100 * MS))
    truth = closed(behaviour, 1, duration_ns=S, spawn_rate=1.0, pacing_ns=10 * MS)
    response = ((truth.ended_ns - truth.intended_ns) // MS).tolist()
    assert response[:6] == [5, 5, 105, 100, 95, 90]
    assert set(((truth.ended_ns - truth.sent_ns) // MS).tolist()) == {5, 105}
    assert response[-1] == 5


def test_users_of_a_narrow_server_wait_for_one_another():
    """20 users of a server that takes 1 ms each wait 20 ms, once all are there."""
    narrow = Behaviour((Step(MS),), gap_ns=MS)
    truth = closed(narrow, 20, duration_ns=3 * S, spawn_rate=2000.0).due_in(S, 3 * S)
    assert {truth.response_ns(q) for q in (0.001, 0.5, 0.999)} == {20 * MS}
    assert len(truth) == 2000


def test_open_arrivals_due_in_a_stall_wait_until_its_end():
    """Every arrival due in the stall waits for the rest of it: responses spread evenly over its length."""
    behaviour = Behaviour(FIVE, stall=Stall(1 * S, 1 * S))
    truth = open_model(behaviour, range(0, 4 * S, MS), room=10**6)
    took = truth.ended_ns - truth.intended_ns
    assert took[1500] == 505 * MS
    assert int((took > 5 * MS).sum()) == 1000 + 4
    assert truth.response_ns(1.0) == 1005 * MS


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=200), st.floats(0, 1))
def test_a_quantile_is_the_observation_of_its_rank(values: list[int], quantile: float):
    """Rank q·n rounded to the nearest, at least 1: the rule by which the suite's histograms count."""
    rank = max(1, int(quantile * len(values) + 0.5))
    assert rank_value(np.array(values), quantile) == sorted(values)[rank - 1]


@given(st.lists(st.integers(0, 20 * MS), min_size=1, max_size=100), st.integers(0, 3 * MS))
def test_answers_are_never_nearer_than_the_gap(pauses: list[int], gap_ns: int):
    """Whatever comes when, answers keep their order and their distance, and none is early."""
    server = Answering(Behaviour(FIVE, gap_ns=gap_ns, stall=Stall(30 * MS, 40 * MS)))
    received = np.cumsum(pauses)
    answered = np.array([server.answer(int(at))[0] for at in received])
    assert (np.diff(answered) >= gap_ns).all()
    assert (answered - received >= 5 * MS).all()


@pytest.mark.parametrize("rate", [500.0, 2000.0, 10_000.0])
def test_percentiles_of_the_steps_do_not_lie_on_an_edge(rate: float):
    """A percentile between two steps would be right or wrong by one request; half a percent of room is kept."""
    for case in cases(rate, 10.0):
        period = np.array(evenly(case.behaviour.steps))
        for quantile, room in ((0.5, 0.005), (0.95, 0.005), (0.99, 0.005), (0.999, 0.0005)):
            below, above = (
                float(np.quantile(period, q, method="inverted_cdf")) for q in (quantile - room, quantile + room)
            )
            assert below == above, f"{case.name} at {quantile}"


def test_every_case_offers_load_and_says_what_it_shows():
    """Each case has a name of its own, a sentence and at least one load; every load model occurs."""
    table = cases(2000.0, 10.0)
    assert len({case.name for case in table}) == len(table)
    assert all(case.sentence and case.offers for case in table)
    assert {offer.model for case in table for offer in case.offers} == {"open", "closed", "paced"}
