"""What the benchmark of a thousand users reads out of each tool's own report."""

from benchmarks.peers.users import locust_says, suite_says


def test_locusts_total_is_read_from_its_csv() -> None:
    """The row of all requests, not that of one."""
    rows = [
        {"Name": "/answer", "50%": "1", "95%": "2", "99%": "3"},
        {"Name": "Aggregated", "50%": "110", "95%": "220", "99%": "330"},
    ]
    assert locust_says(rows) == [110.0, 220.0, 330.0]


def test_our_total_is_read_with_whether_the_run_is_valid() -> None:
    """An INVALID run says why."""
    scenario = {
        "total": {"response_ms": {"p50": 5.0, "p95": 5.1, "p99": 100.0}},
        "health": {"valid": False, "reasons": ["the generator was the bottleneck", "and more"]},
    }
    said = suite_says({"scenarios": [scenario]})
    assert said.times_ms == [5.0, 5.1, 100.0]
    assert said.itself == "INVALID: the generator was the bottleneck"
