"""By simulation, small enough for every day: intervals, false alarms, and regressions found. benchmarks/statistics
does the same over a thousand comparisons."""

import pytest

from benchmarks.statistics.drawn import Truth
from benchmarks.statistics.studies import Study, study

TRUTH = Truth(rate=50, spread=0.02)


def test_pairs_of_equal_builds_raise_no_more_alarms_than_the_risk() -> None:
    """At 5%, at most 19 of 200 (99.9% of all such trials); every bound covers at least 91%."""
    found = study(Study("A/A", pairs=7, paired=True, comparisons=200), TRUTH)
    assert found.regressed <= 19
    assert found.improved <= 19
    assert min(found.coverage.values()) >= 0.90


def test_a_slowdown_of_a_tenth_is_found_in_nine_of_ten_comparisons_of_seven_pairs() -> None:
    """Runs that differ by 2% from one another; the trial is of 100, so 84 are the least that is no evidence against."""
    found = study(Study("A/B", pairs=7, paired=True, comparisons=100, slowdown=1.1), TRUTH)
    assert found.found["p95"] >= 84
    assert found.improved == 0


@pytest.mark.parametrize("base", [7, 1])
def test_sets_of_runs_raise_no_more_alarms_than_the_risk(base: int) -> None:
    found = study(Study("A/A", pairs=7, base=base, comparisons=200), TRUTH)
    assert found.regressed <= 19
