"""comparison.html in a real browser: nothing is loaded or complained of, charts are drawn, a phone does not scroll."""

from pathlib import Path

import numpy as np
import pytest
from browsing import CHROMIUM, browse, measured_narrow

from benchmarks.statistics.drawn import Truth, draw_record
from loadtests.judge.comparison.compare import compare
from loadtests.judge.operands import Operand
from loadtests.judge.record import RunRecord
from loadtests.report.comparison import page_of
from loadtests.report.comparison.html import render

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")


def drawn(build: str, slowdown: float, count: int) -> list[RunRecord]:
    """Runs of a build, slower by a factor."""
    truth = Truth(rate=50, seconds=20, spread=0.01, slowdown=slowdown)
    return [draw_record(np.random.default_rng(n), truth, name=f"{build}-{n}") for n in range(count)]


@pytest.mark.parametrize("count", [7, 1])
def test_a_comparison_is_whole_by_itself_and_fits_a_phone(count: int, tmp_path: Path) -> None:
    base, candidate = Operand("old " + "x" * 200, drawn("old", 1.0, count)), Operand("new", drawn("new", 1.1, count))
    text = render(page_of(compare(base, candidate, paired=count > 1)))
    page = tmp_path / "comparison.html"
    page.write_text(text, encoding="utf-8")
    seen = browse(page, tmp_path)
    assert "CONSOLE" not in seen.stderr
    assert seen.stdout.count("<canvas") == 2
    found = measured_narrow({"comparison": text}, tmp_path)["comparison"]
    assert (found["view"], found["width"], found["loaded"]) == (390, 390, 0)
