"""The fault dial keeps its shares exactly and its stalls to the nanosecond, without a socket or a clock."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.target.dial import Dial
from loadtests.target.faults import NO_FAULTS, Decision, Faults, Outcome, parse_faults

MS = 1_000_000
S = 1_000 * MS


def outcomes(faults: Faults, indices: range) -> list[Outcome]:
    return [faults.decide(index, 0).outcome for index in indices]


@pytest.mark.parametrize(
    ("dialled", "window", "errors", "resets"),
    [
        pytest.param({"errors": "2%"}, 50, 1, 0, id="2% is one in any 50"),
        pytest.param({"errors": "5%"}, 20, 1, 0, id="5% is one in any 20"),
        pytest.param({"errors": "0.1%"}, 1000, 1, 0, id="0.1% is one in any 1,000"),
        pytest.param({"errors": "37%"}, 100, 37, 0, id="a share that is no unit fraction"),
        pytest.param({"reset": "1%"}, 100, 0, 1, id="resets alone"),
        pytest.param({"errors": "2%", "reset": "1%"}, 100, 2, 1, id="errors and resets never fall on the same request"),
        pytest.param({"errors": "2%", "reset": "1%"}, 50, 1, None, id="errors keep their own window next to resets"),
        pytest.param({"errors": "50%", "reset": "50%"}, 2, 1, 1, id="nothing is left over at 100%"),
        pytest.param({"errors": "100%"}, 1, 1, 0, id="everything fails"),
        pytest.param({"errors": "100%", "reset": "0%"}, 1, 1, 0, id="no rest for resets to be counted over"),
        pytest.param({"errors": "0%", "reset": "0%"}, 10, 0, 0, id="nothing fails"),
        pytest.param({"reset": "100%"}, 1, 0, 1, id="everything is reset"),
    ],
)
def test_dialled_share_is_exact_over_any_consecutive_requests(
    dialled: dict[str, object], window: int, errors: int, resets: int | None
) -> None:
    """Wherever the window of consecutive requests starts, it holds exactly its share."""
    faults = parse_faults(dialled)
    fate = outcomes(faults, range(4 * window + 7))
    for start in range(3 * window + 7):
        seen = fate[start : start + window]
        assert seen.count(Outcome.ERROR) == errors
        assert resets is None or seen.count(Outcome.RESET) == resets


@given(errors=st.integers(0, 100), reset=st.integers(0, 100), start=st.integers(0, 10**9))
def test_any_two_shares_up_to_all_are_exact_together(errors: int, reset: int, start: int) -> None:
    """Whole percents: over any 100 consecutive requests both are exact, wherever they start."""
    if errors + reset > 100:
        reset = 100 - errors
    faults = parse_faults({"errors": f"{errors}%", "reset": f"{reset}%"})
    fate = outcomes(faults, range(start, start + 100))
    assert fate.count(Outcome.ERROR) == errors
    assert fate.count(Outcome.RESET) == reset


def test_failing_requests_are_spread_evenly() -> None:
    """Gaps between errors at 3% are 33 or 34 requests, never a burst."""
    faults = parse_faults({"errors": "3%"})
    hit = [index for index, fate in enumerate(outcomes(faults, range(1000))) if fate is Outcome.ERROR]
    assert {after - before for before, after in pairwise(hit)} == {33, 34}


def test_error_carries_the_dialled_status_and_the_laws_delay() -> None:
    """An error takes as long as an answer would have."""
    faults = parse_faults({"law": "5ms", "errors": {"share": "100%", "status": 503}})
    assert faults.decide(7, 0) == Decision(5 * MS, Outcome.ERROR, 503)


def test_law_with_shares_gives_each_branch_its_share() -> None:
    """98% at 5 ms and 2% at 100 ms, within one request over 1,000."""
    faults = parse_faults({"law": "5ms, 100ms 2%"})
    waits = [faults.decide(index, 0).wait_ns for index in range(1000)]
    assert set(waits) == {5 * MS, 100 * MS}
    assert abs(waits.count(100 * MS) - 20) <= 1


@pytest.mark.parametrize(
    ("arrives_ms", "law_ms", "leaves_ms"),
    [
        pytest.param(500, 0, 500, id="the first stall is a whole period after the dial was turned"),
        pytest.param(9_999, 0, 9_999, id="just before the stall"),
        pytest.param(10_000, 0, 11_000, id="arrives as it begins"),
        pytest.param(10_400, 0, 11_000, id="arrives in it, is answered at its end"),
        pytest.param(10_400, 5, 11_005, id="arrives in it, its own time starts at the end"),
        pytest.param(11_000, 0, 11_000, id="arrives as it ends"),
        pytest.param(9_990, 50, 11_000, id="in progress when it begins, due in it"),
        pytest.param(9_990, 10, 11_000, id="due at the very begin of it"),
        pytest.param(9_990, 2_000, 11_990, id="in progress through all of it, due later"),
        pytest.param(10_500, 9_500, 21_000, id="from one stall into the next"),
        pytest.param(20_100, 0, 21_000, id="stalls repeat"),
    ],
)
def test_stall_holds_what_arrives_or_falls_due_in_it(arrives_ms: int, law_ms: int, leaves_ms: int) -> None:
    """A stall of 1 s every 10 s, as a process stopped and continued would show it."""
    faults = parse_faults({"law": f"{law_ms}ms", "stall": "1s every 10s"})
    assert faults.decide(0, arrives_ms * MS).wait_ns == (leaves_ms - arrives_ms) * MS


def test_answer_ready_in_a_stall_is_held_until_its_end() -> None:
    """An endpoint that was at work when the stall began does not answer in it."""
    faults = parse_faults({"stall": "1s every 10s"})
    assert faults.held_ns(10 * S + 300 * MS) == 700 * MS
    assert faults.held_ns(9 * S) == 0
    assert NO_FAULTS.held_ns(10 * S) == 0


@pytest.mark.parametrize(
    ("only", "path", "touched"),
    [
        pytest.param(None, "/health", True, id="health is touched: a broken service shows there"),
        pytest.param(None, "/metrics", False, id="metrics tell the truth about faults"),
        pytest.param(None, "/api/admin/faults", False, id="the dial can always be turned back"),
        pytest.param("/api/agent", "/api/agent/execute", True, id="inside the prefix"),
        pytest.param("/api/agent", "/health", False, id="outside the prefix"),
    ],
)
def test_dial_touches_all_but_its_own_controls(only: str | None, path: str, touched: bool) -> None:
    """Faults reach every path under the prefix except /metrics and /api/admin/."""
    assert Faults(only=only).touches(path) is touched


@pytest.mark.parametrize(
    ("dialled", "sentence"),
    [
        pytest.param({"laws": "5ms"}, "'laws': expected one of law, errors, reset, stall, only", id="unknown name"),
        pytest.param({"law": "fast"}, "law: expected a duration such as 250ms", id="no law"),
        pytest.param({"law": 5}, "law: expected text such as 5ms", id="a number for a law"),
        pytest.param({"errors": "200%"}, "errors: expected a share such as 1%", id="a share over all"),
        pytest.param({"errors": 0.02}, "errors: expected a share such as 2%", id="a number for a share"),
        pytest.param({"errors": ""}, "errors: expected a share such as 2%", id="empty text"),
        pytest.param(
            {"errors": "2% 200"}, "errors: expected a status from 400 to 599", id="an error that is a success"
        ),
        pytest.param({"errors": {"share": "2%", "status": True}}, "errors: expected a status", id="true is no status"),
        pytest.param(
            {"errors": {"share": "2%", "code": 503}}, 'expected {"share": "2%", "status": 503}', id="wrong key"
        ),
        pytest.param({"reset": True}, "reset: expected text such as 1%", id="true is no share"),
        pytest.param({"stall": "1s"}, "stall: expected a stall such as 1s every 10s", id="no period"),
        pytest.param({"stall": "10s every 1s"}, "shorter than its period", id="never answering"),
        pytest.param({"stall": "0 every 1s"}, "longer than nothing", id="an empty stall"),
        pytest.param({"only": "health"}, "only: expected a path prefix", id="no slash"),
        pytest.param({"only": "/metrics"}, "only: expected a path prefix", id="a path that is never faulted"),
        pytest.param({"errors": "60%", "reset": "50%"}, "at most 100% together", id="more than all"),
    ],
)
def test_wrong_dial_is_a_sentence(dialled: dict[str, object], sentence: str) -> None:
    """What was expected, by name, with what was got."""
    with pytest.raises(ValueError) as caught:
        parse_faults(dialled)
    assert sentence in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    """Two wrong values, one error with both."""
    with pytest.raises(ValueError) as caught:
        parse_faults({"law": "fast", "stall": "often"})
    assert "law: " in str(caught.value)
    assert "stall: " in str(caught.value)


def test_errors_read_the_same_as_text_and_as_object() -> None:
    """`2% 503` on the command line is {"share": "2%", "status": 503} in JSON."""
    assert parse_faults({"errors": "2% 503"}) == parse_faults({"errors": {"share": "2%", "status": 503}})


class StoppedClock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


def test_turning_the_dial_starts_the_count_and_the_stalls_anew() -> None:
    """The 50th request fails, and again the 50th after a turn; a stall is a period from the turn."""
    clock = StoppedClock()
    dial = Dial(parse_faults({"errors": "2%"}), clock=clock)
    first = [dial.draw("/health").outcome for _ in range(30)]
    dial.turn(parse_faults({"errors": "2%", "stall": "1s every 10s"}))
    clock.now_ns = 9 * S
    second = [dial.draw("/health").outcome for _ in range(50)]
    assert first.count(Outcome.ERROR) == 0
    assert [index for index, fate in enumerate(second) if fate is Outcome.ERROR] == [49]
    clock.now_ns = 10 * S
    assert dial.draw("/health").wait_ns == S


def test_untouched_requests_do_not_move_the_count() -> None:
    """Scraping /metrics between requests leaves the shares exact."""
    dial = Dial(parse_faults({"errors": "50%"}))
    fate = []
    for _ in range(10):
        assert dial.draw("/metrics") is None
        fate.append(dial.draw("/health").outcome)
    assert fate.count(Outcome.ERROR) == 5
    assert dial.counted == {Outcome.ANSWER: 5, Outcome.ERROR: 5, Outcome.RESET: 0}
