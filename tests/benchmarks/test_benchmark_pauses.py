"""The stranger that tells the machine's pauses from the suite's."""

import time

import numpy as np

from benchmarks.pauses import Strangers, watching


def test_strangers_tick_a_thousand_times_a_second_on_every_core():
    """In half a second there are hundreds of ticks, and none is early."""
    with watching() as strangers:
        time.sleep(0.7)
    assert strangers.ticks >= 256
    assert 0 <= strangers.lateness_ns(0.0) < strangers.lateness_ns(1.0)


def test_lateness_is_taken_over_all_cores():
    """A pause of one core of two is half the time's."""
    strangers = Strangers()
    strangers.add(0, np.full(500, 10))
    strangers.add(1, np.full(499, 3000))
    assert strangers.lateness_ns(0.4) == 10_000
    assert strangers.lateness_ns(0.6) == 3_000_000


def test_pauses_are_what_is_longer_than_usual_on_the_cores_asked_for():
    """The median of a core is its usual wake-up; below it is no pause, and cores without a stranger have none."""
    strangers = Strangers()
    strangers.add(0, np.full(100, 5000))
    strangers.add(1, np.array([18, 20, 20, 21, 1020]))
    assert strangers.pauses_ns({1}).tolist() == [0, 0, 0, 1_000, 1_000_000]
    assert strangers.pauses_ns({7}).tolist() == []
