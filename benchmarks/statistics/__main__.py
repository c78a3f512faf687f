"""`python -m benchmarks.statistics [--write]`: what comparisons claim, held against known truths by the thousand."""

import argparse
from collections.abc import Sequence

from benchmarks.results import write_section
from benchmarks.statistics.drawn import Truth
from benchmarks.statistics.studies import Findings, Study, study
from benchmarks.table import markdown_table

_RUNS = Truth(rate=50, spread=0.025)
_SECONDS = Truth(rate=50, spread=0.0, unrest=0.1, memory=0.5)
_STUDIES: Sequence[tuple[Study, Truth]] = (
    (Study("equal builds, 7 pairs", pairs=7, paired=True, comparisons=1_000), _RUNS),
    (Study("equal builds, 7 runs a side", pairs=7, comparisons=1_000), _RUNS),
    (Study("equal builds, 3 runs a side", pairs=3, comparisons=1_000), _RUNS),
    (Study("equal builds, 20 runs against 1", pairs=1, base=20, comparisons=500), _RUNS),
    (Study("equal builds, 1 against 1, calibrated by 10", pairs=1, calibration=10, comparisons=500), _RUNS),
    (Study("10% slower, 7 pairs", pairs=7, paired=True, comparisons=500, slowdown=1.1), _RUNS),
    (Study("10% slower, 7 runs a side", pairs=7, comparisons=500, slowdown=1.1), _RUNS),
    (Study("one run a side, seconds of lag-1 0.5", pairs=1, comparisons=300, windows=True), _SECONDS),
)
_TIMES = ("p50", "p95", "p99")


def main() -> None:
    """Print every study as a row; with `--write` put the table into RESULTS.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.statistics", description=__doc__)
    parser.add_argument("--write", action="store_true", help="rewrite the section Statistics of RESULTS.md")
    options = parser.parse_args()
    rows = []
    for one, truth in _STUDIES:
        rows.append(_row(one, study(one, truth)))
        print(" · ".join(rows[-1]), flush=True)
    heads = ("comparisons of", "number", "regressed", "improved", "same", "p95 found", "least coverage of a bound")
    text = f"{_told()}\n\n{markdown_table(heads, rows)}\n"
    print(text)
    if options.write:
        write_section("Statistics", text)


def _row(of: Study, found: Findings) -> tuple[str, ...]:
    share = found.comparisons
    least = min((found.coverage[key], key) for key in found.coverage if key.startswith(_TIMES))
    return (
        of.name,
        f"{share:,}",
        f"{found.regressed / share:.1%}",
        f"{found.improved / share:.1%}",
        f"{found.same / share:.1%}",
        f"{found.found['p95'] / share:.1%}",
        f"{least[0]:.1%} ({least[1]})",
    )


def _told() -> str:
    return (
        f"Drawn, not measured, so the same on every machine: runs of {_RUNS.seconds} s at {_RUNS.rate}/s, lognormal "
        f"times, runs that differ by {_RUNS.spread:.1%}. Five metrics decide (p50, p95, p99, failures, throughput) at "
        "a risk of 5%; each bound claims 95%."
    )


if __name__ == "__main__":
    main()
