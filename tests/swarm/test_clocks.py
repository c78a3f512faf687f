"""What round trips say of another clock, and when it has certainly moved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.swarm.clocks import MOST_DRIFT_NS, ClockTrack

MS = 1_000_000


def trip(track: ClockTrack, at_ns: int, *, there: int, back: int, offset: int) -> None:
    """A ping sent at `at_ns` to a clock that is `offset` ahead, with these times on the way."""
    track.note(at_ns, at_ns + there + back, at_ns + there + offset)


@given(
    offset=st.integers(-(10**12), 10**12),
    ways=st.lists(st.tuples(st.integers(0, 50 * MS), st.integers(0, 50 * MS)), min_size=1, max_size=40),
)
def test_the_true_offset_lies_within_the_error(offset: int, ways: list[tuple[int, int]]) -> None:
    """However lopsided the ways there and back: the best reading is off by its error at most."""
    track = ClockTrack()
    for number, (there, back) in enumerate(ways):
        trip(track, number * 1000 * MS, there=there, back=back, offset=offset)
    best = track.agree()
    assert abs(best.offset_ns - offset) <= best.error_ns
    assert track.moved_ns() is None


@pytest.mark.parametrize(
    ("moved", "slow_way", "noticed", "why"),
    [
        (MOST_DRIFT_NS // 2, 0, False, "half of what is allowed"),
        (-2 * MOST_DRIFT_NS, 0, True, "twice of it, backwards"),
        (2 * MOST_DRIFT_NS, 4 * MOST_DRIFT_NS, False, "a slow round trip cannot tell for certain"),
        (9 * MOST_DRIFT_NS, 4 * MOST_DRIFT_NS, True, "beyond what even the slow round trip leaves open"),
    ],
)
def test_a_clock_that_jumps_is_noticed(moved: int, slow_way: int, noticed: bool, why: str) -> None:
    """A jump beyond what was allowed, plus what measuring it can err."""
    track = ClockTrack()
    trip(track, 0, there=MS, back=MS, offset=7 * MS)
    track.agree()
    trip(track, 1000 * MS, there=0, back=slow_way, offset=7 * MS + moved)
    assert (track.moved_ns() is not None) == noticed, why


def test_a_clock_may_run_a_little_fast_for_long() -> None:
    """100 parts per million are 0.36 s an hour: a long soak does not lose its workers to that."""
    track = ClockTrack()
    trip(track, 0, there=MS, back=MS, offset=0)
    track.agree()
    trip(track, 3_600_000 * MS, there=MS, back=MS, offset=360 * MS)
    assert track.moved_ns() is None
    trip(track, 3_601_000 * MS, there=MS, back=MS, offset=900 * MS)
    assert track.moved_ns() == pytest.approx(900 * MS, abs=2 * MS)


def test_a_clock_is_known_after_one_quick_round_trip_or_several_slow_ones() -> None:
    """On a good network the first will do."""
    quick, slow = ClockTrack(), ClockTrack()
    trip(quick, 0, there=MS // 4, back=MS // 4, offset=0)
    assert quick.known
    for number in range(8):
        assert not slow.known
        trip(slow, number * 1000 * MS, there=40 * MS, back=MS, offset=0)
    assert slow.known
