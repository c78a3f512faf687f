"""What is refused before anything is compared: uneven pairs, metrics that are not there, margins nobody could tell."""

from collections.abc import Sequence

from loadtests.errors import UsageError
from loadtests.judge.comparison.calibration import Calibration, detectable
from loadtests.judge.comparison.margins import Terms
from loadtests.judge.comparison.metrics import Metric
from loadtests.judge.comparison.pairs import MOST_PAIRS
from loadtests.judge.comparison.wording import margin_text

__all__ = ["check_margins", "check_names", "check_pairs"]


def check_pairs(scenario: str, runs: tuple[int, int]) -> None:
    first, second = runs
    if first != second:
        raise UsageError(f"pairs need as many runs on both sides, got {first} and {second} of {scenario}")
    if first > MOST_PAIRS:
        raise UsageError(f"expected at most {MOST_PAIRS} pairs, got {first} of {scenario}")


def check_names(terms: Terms, metrics: Sequence[Metric]) -> None:
    """Refuses a gate or a margin of a metric that no scenario has."""
    keys = list(dict.fromkeys(metric.key for metric in metrics))
    for key in (*(terms.gates or ()),):
        if key not in keys:
            raise UsageError(f"there is no {key} to gate; there are {', '.join(keys)}")
    for name in terms.margins:
        if name not in {*keys, *(metric.name for metric in metrics)}:
            raise UsageError(f"there is no {name} to give a margin; there are {', '.join(keys)}")


def check_margins(
    terms: Terms, metrics: Sequence[Metric], calibration: Calibration | None, runs: tuple[int, int]
) -> None:
    """Refuses a margin smaller than what the calibration says this set-up can tell."""
    if calibration is None:
        return
    too_fine = []
    for metric in metrics:
        asked, spread = terms.asked(metric), calibration.spread(metric)
        if asked is None or spread is None or not terms.is_gated(metric):
            continue
        least = detectable(spread, runs, ratio=metric.is_ratio)
        if asked < least:
            too_fine.append(
                f"{metric.key}: {margin_text(metric, asked)} asked, {margin_text(metric, least)} can be told"
            )
    if too_fine:
        head = f"by its calibration, {runs[0]} against {runs[1]} runs on this set-up cannot tell so small a change"
        raise UsageError("\n  ".join([f"{head}; make more runs, or ask for a larger margin", *too_fine]))
