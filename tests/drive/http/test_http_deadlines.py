"""What waits with the same timeout expires in order, each on time, with one callback for all."""

from hypothesis import given
from hypothesis import strategies as st

from loadtests.clock import VirtualClock
from loadtests.drive.drivers.deadlines import Deadlines


@given(
    st.integers(1, 50),
    st.lists(st.tuples(st.integers(0, 30), st.one_of(st.none(), st.integers(0, 60))), max_size=20),
)
def test_each_expires_exactly_when_its_time_is_up_unless_it_ended(
    timeout: int, waits: list[tuple[int, int | None]]
) -> None:
    """Each arrives `gap` after the last and ends after `stays` or never: expiry is at arrival + timeout, to the ns."""
    clock, expired = VirtualClock(), dict[int, int]()
    deadlines = Deadlines[int](clock, timeout, lambda name: expired.setdefault(name, clock.now()))
    deadlines.begin()
    expected = {}
    for name, (gap, stays) in enumerate(waits):
        clock.advance(gap)
        deadlines.pending[name] = clock.now()
        if stays is not None and stays < timeout:
            clock.at(clock.now() + stays, lambda gone: deadlines.pending.pop(gone, None), name)
        else:
            expected[name] = clock.now() + timeout
    clock.advance(200)
    assert expired == expected
    assert not deadlines.pending


def test_after_stop_nothing_expires() -> None:
    """The run is over."""
    clock, expired = VirtualClock(), list[str]()
    deadlines = Deadlines[str](clock, 10, expired.append)
    deadlines.begin()
    deadlines.pending["x"] = 0
    deadlines.stop()
    clock.advance(100)
    assert expired == []
