"""The comparison itself: an exact report passes, and each way of reporting wrongly is caught."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.accuracy.behaviour import MS, Ending, S
from benchmarks.accuracy.cases import Case, Closed, Offer, Open, cases
from benchmarks.accuracy.comparison import Row, State, compare, worst_exit_code
from benchmarks.accuracy.experiment import plan_text
from benchmarks.accuracy.ledger import Ledger
from benchmarks.accuracy.truth import Executions, closed, open_model
from benchmarks.pauses import Strangers
from loadtests.drive.recorder import Recorder
from loadtests.plan.model import ClosedLoad, OpenLoad, Scenario, Stage
from loadtests.plan.protocol.http import HttpOperation
from loadtests.result.run import ScenarioRun
from loadtests.result.window import Window

SECONDS = 4
DURATION = (SECONDS + 1) * S
TABLE = {case.name: case for case in cases(2000.0, SECONDS)}
EVERY = [
    pytest.param(case, offer, id=f"{case.name}, {offer.model}") for case in TABLE.values() for offer in case.offers
]
Distort = Callable[[Executions], Executions]


def meant(case: Case, offer: Offer) -> Executions:
    if isinstance(offer, Closed):
        return closed(
            case.behaviour,
            offer.users,
            duration_ns=DURATION,
            spawn_rate=offer.spawn_rate,
            pacing_ns=offer.pacing_ns,
        )
    due = [round(n * S / offer.rate) for n in range(round(offer.rate * DURATION / S))]
    return open_model(case.behaviour, due, room=offer.room)


def recorded(seen: Executions, offer: Offer) -> ScenarioRun:
    """The run that a recorder makes of these executions."""
    windows: list[Window] = []
    recorder = Recorder("truth", "0", emit=windows.append, sample=lambda _: None)
    recorder.begin(0)
    tape = recorder.tape("answer")
    for intended, sent, ended, ending in zip(*(column.tolist() for column in columns(seen)), strict=True):
        tape.started(intended)
        tape.fired(sent)
        if ending == Ending.DROPPED:
            tape.dropped(intended)
        elif ending == Ending.GOOD:
            tape.ok(intended, sent, ended)
        else:
            tape.failed("status_5xx" if ending == Ending.ERROR else "reset", intended, sent, ended)
    recorder.close()
    load = (
        OpenLoad((Stage(offer.rate, DURATION, ramp=False),))
        if isinstance(offer, Open)
        else ClosedLoad(offer.users, DURATION)
    )
    scenario = Scenario("truth", "http", load, (HttpOperation("answer"),), warmup_ns=S)
    return ScenarioRun(scenario, "2026-01-01T00:00:00+00:00", "complete", DURATION / S, (), 1, windows)


def columns(seen: Executions):
    return seen.intended_ns, seen.sent_ns, seen.ended_ns, seen.ending


def noted(seen: Executions, *, late_ns: int = 0) -> Ledger:
    """The ledger of a server that answered everything that was not dropped, `late_ns` after its law."""
    served = seen.ending != Ending.DROPPED
    _, sent, ended, ending = (column[served] for column in columns(seen))
    order = np.argsort(sent, kind="stable")
    return Ledger(sent[order], ended[order], (ended + late_ns)[order], ending[order])


def rows(
    case: Case,
    offer: Offer,
    distort: Distort = lambda seen: seen,
    *,
    late_ns: int = 0,
    strangers: Strangers | None = None,
) -> list[Row]:
    truth = meant(case, offer)
    run, ledger = recorded(distort(truth), offer), noted(truth, late_ns=late_ns)
    return compare(case, offer, run, truth=truth, ledger=ledger, strangers=strangers or Strangers(), cores=(1,))


def states(found: list[Row]) -> dict[str, State]:
    return {row.quantity: row.state for row in found}


@pytest.mark.parametrize(("case", "offer"), EVERY)
def test_an_exact_report_is_right_in_every_row(case: Case, offer: Offer):
    """Truth recorded as it is gives no row that is off, and p50 to p99.9 and counts are all there."""
    found = states(rows(case, offer))
    assert set(found.values()) == {State.OK}
    assert {"p50", "p95", "p99", "p99.9", "offered", "ok", "sum of all ends"} <= set(found)


@pytest.mark.parametrize(("case", "offer"), EVERY)
def test_latencies_long_by_a_twentieth_and_half_a_millisecond_are_off(case: Case, offer: Offer):
    """Every percentile of every case notices it."""
    found = states(rows(case, offer, lambda seen: replace(seen, ended_ns=longer(seen))))
    assert {found[name] for name in ("p50", "p95", "p99", "p99.9")} == {State.OFF}


def longer(seen: Executions):
    return seen.ended_ns + (seen.ended_ns - seen.intended_ns) // 20 + MS // 2


@pytest.mark.parametrize(("case", "offer"), EVERY)
def test_one_request_forgotten_is_off(case: Case, offer: Offer):
    """Counts are exact to the last one, even where drops have a tolerance."""
    found = states(rows(case, offer, lambda seen: Executions(*(column[:-1] for column in columns(seen)))))
    assert found["sum of all ends"] is found["offered"] is State.OFF


def test_coordinated_omission_is_off():
    """Response time counted from the send, as most tools do, hides what a stall kept from starting."""
    case = TABLE["paced stall"]
    found = states(rows(case, case.offers[0], lambda seen: replace(seen, intended_ns=seen.sent_ns)))
    assert found["p95"] is State.OFF


def test_errors_mixed_into_good_answers_are_off():
    """A slow 500 counted as an answer shows in the count and in p99."""
    case = TABLE["errors"]
    found = states(rows(case, case.offers[0], lambda seen: replace(seen, ending=np.zeros_like(seen.ending))))
    assert found["ok"] is found["failed.status_5xx"] is found["p99"] is State.OFF


def test_what_a_server_was_late_belongs_to_the_truth():
    """A server that notes 2 ms more than its law took 2 ms more: a report with them is right, one without is off."""
    case = TABLE["constant"]
    late = states(
        rows(case, case.offers[0], lambda seen: replace(seen, ended_ns=seen.ended_ns + 2 * MS), late_ns=2 * MS)
    )
    prompt = states(rows(case, case.offers[0], late_ns=2 * MS))
    assert late["p50"] is late["p99.9"] is late["ok"] is State.OK
    assert prompt["p50"] is prompt["p99.9"] is State.OFF


@pytest.mark.parametrize(
    ("core", "chances", "state"),
    [
        pytest.param(1, 2, State.OK, id="where the generator ran, it can meet what is sent and what is heard"),
        pytest.param(1, 0, State.NOT_MEASURABLE, id="a report that met none of it proves nothing"),
        pytest.param(0, 0, State.OK, id="where the server ran, its own notes have it"),
    ],
)
def test_pauses_of_the_generators_core_belong_to_the_truth(core: int, chances: int, state: State):
    """A pause of 3 ms that a stranger met in one tick of a thousand moves p99.9 of what is sent and heard there."""
    strangers = Strangers()
    strangers.add(core, np.where(np.arange(10_000) % 1000 == 0, 3020, 20))
    case = TABLE["constant"]

    def paused(seen: Executions) -> Executions:
        met = np.arange(len(seen)) % 1000 < chances
        return replace(seen, ended_ns=seen.ended_ns + 3 * MS * met)

    found = {row.quantity: row for row in rows(case, case.offers[0], paused, strangers=strangers)}
    assert found["p99.9"].state is state
    assert found["p99.9"].truth == (8 * MS if core == 1 else 5 * MS)
    assert found["p50"].truth == 5 * MS


ROW = Row("p99", "ns", 5e6, 5.1e6, 4e5)


@pytest.mark.parametrize(
    ("row", "state"),
    [
        pytest.param(ROW, State.OK, id="within what is allowed"),
        pytest.param(replace(ROW, reported=5.5e6), State.OFF, id="outside it"),
        pytest.param(replace(ROW, reported=None), State.OFF, id="no data is never right"),
        pytest.param(replace(ROW, distrusted=True), State.NOT_MEASURABLE, id="an invalid run proves nothing"),
        pytest.param(replace(ROW, disturbed=True), State.OK, id="right in spite of other programs is right"),
        pytest.param(
            replace(ROW, reported=9e6, disturbed=True), State.NOT_MEASURABLE, id="off beside other programs is unproved"
        ),
        pytest.param(replace(ROW, noise=3e5), State.OK, id="right in spite of pauses is right"),
        pytest.param(
            replace(ROW, reported=5.6e6, noise=3e5), State.NOT_MEASURABLE, id="off where a stranger was late too"
        ),
        pytest.param(replace(ROW, reported=9e6, noise=3e5), State.OFF, id="off by more than a stranger met"),
        pytest.param(replace(ROW, reported=None, noise=3e5), State.OFF, id="no pause explains that there is no data"),
        pytest.param(replace(ROW, reported=9e6, noise=1e5), State.OFF, id="off, where a stranger was in time"),
        pytest.param(
            Row("ok", "count", 10, 9, 0, disturbed=True, distrusted=True), State.OFF, id="a wrong count has no excuse"
        ),
    ],
)
def test_what_is_said_of_a_row(row: Row, state: State):
    """One row, one state."""
    assert row.state is state


def test_the_exit_code_follows_the_worst_row():
    """1 when something is off, 3 when something is unproved, and nothing at all is no success."""
    unproved, off = replace(ROW, distrusted=True), replace(ROW, reported=None)
    assert [worst_exit_code(found) for found in ([ROW], [ROW, unproved], [unproved, off], [])] == [0, 3, 1, 1]


@pytest.mark.parametrize(("case", "offer"), EVERY)
def test_the_plan_files_are_plans_and_mean_the_offer(case: Case, offer: Offer, tmp_path):
    """The loader takes each, with the case's rate or users, and the warm-up that is left out."""
    from loadtests.plan.loader import load_plan

    (tmp_path / "plan.yaml").write_text(plan_text(offer, port=1, duration_ns=DURATION))
    scenario = load_plan(tmp_path / "plan.yaml").scenarios["truth"]
    assert scenario.steady_ns == (S, DURATION)
    if isinstance(offer, Open):
        assert isinstance(scenario.load, OpenLoad)
        assert (scenario.load.stages[-1].rate, scenario.load.max_in_flight) == (offer.rate, offer.room)
    else:
        assert isinstance(scenario.load, ClosedLoad)
        assert (scenario.load.users, scenario.load.pacing_ns) == (offer.users, offer.pacing_ns)
