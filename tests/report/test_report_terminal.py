"""The verdict in a terminal: within 100 columns, aligned, and the same without colour."""

import io

import made_verdicts as made
import pytest
from rich.cells import cell_len

from loadtests.judge.verdict import Outcome
from loadtests.report import FORMATS
from loadtests.report.compose import page_of
from loadtests.report.terminal import COLUMNS, print_verdict


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Ascii(io.TextIOWrapper):
    def __init__(self):
        super().__init__(io.BytesIO(), encoding="ascii")


def printed(verdict, stream=None):
    stream = stream or io.StringIO()
    print_verdict(verdict, stream=stream)
    return stream.getvalue()


@pytest.mark.parametrize("kind", list(made.every()))
def test_it_fits_and_ends_with_the_verdict(kind):
    """No line is wider than 100 columns or ends in blanks; the last one is the verdict and why."""
    verdict = made.every()[kind]
    lines = printed(verdict).splitlines()
    assert max(map(cell_len, lines)) <= COLUMNS
    assert all(line == line.rstrip() for line in lines)
    assert lines[-1].split(maxsplit=2)[1:] == [verdict.outcome.upper(), verdict.why]


def test_a_line_of_a_threshold_says_it_all():
    """Symbol and word, threshold, observed, interval, samples; below the table why it was missed."""
    text = printed(made.failing())
    row = next(line for line in text.splitlines() if "errors < 1%" in line)
    assert row.split() == ["✘", "FAIL", "errors", "<", "1%", "LOAD-API", "4.76%", "4.1%", "…", "5.5%", "1,500"]
    assert "✘ FAIL errors < 1%: 4.76% of requests failed, above the limit of 1%" in text


def test_load_health_and_operations_are_there():
    """What was offered and achieved, whether the generator was well, and the short table of operations."""
    text = printed(made.invalid())
    assert "100/s offered, 89.9/s achieved, 0 of 1,500 dropped" in text
    assert "health  NOT VALID: CPU 41%" in text
    assert "the engine process stood still for 2.03 s" in text
    assert "warning: CPU of the generator was 93%" in text
    assert next(line for line in text.splitlines() if line.strip().startswith("operation")).split() == [
        "operation", "requests", "p50", "p95", "p99", "failed",
    ]  # fmt: skip


def test_columns_are_aligned():
    """Numbers end below each other."""
    lines = printed(made.verdict()).splitlines()
    start = next(number for number, line in enumerate(lines) if line.strip().startswith("operation"))
    assert len({len(line) for line in lines[start : start + 4]}) == 1


def test_there_is_no_colour_where_there_is_no_terminal():
    """A file or a pipe gets plain text."""
    assert "\x1b" not in printed(made.failing())


def test_colour_adds_nothing_to_the_words(monkeypatch):
    """With colour taken away, a terminal shows what a file gets."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured = printed(made.failing(), Terminal())
    assert "\x1b[" in coloured
    from rich.text import Text

    assert Text.from_ansi(coloured).plain.split() == printed(made.failing()).split()


def test_a_terminal_without_unicode_is_no_reason_to_fail():
    """Symbols are replaced where they cannot be written; the words stay."""
    stream = Ascii()
    print_verdict(made.failing(), stream=stream)
    stream.flush()
    assert b"FAIL  2 of 4 thresholds were missed" in stream.buffer.getvalue()


def test_a_page_prints_as_its_verdict_does():
    """Both are taken, so that a page need not be computed twice."""
    assert printed(page_of(made.verdict())) == printed(made.verdict())


def test_long_names_are_folded_and_not_cut():
    """Nothing of a name is lost, however long it is."""
    name = "".join(f"{number:04}" for number in range(60))
    text = printed(made.verdict(run=made.scenario_run(made.scenario(operations=(name,)))))
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.strip().startswith("operation"))
    assert name in "".join(line.split()[0] for line in lines[start + 1 :] if line)
    assert max(map(cell_len, text.splitlines())) <= COLUMNS


@pytest.mark.parametrize("name", ["html", "markdown", "terminal"])
def test_a_total_beside_journeys_is_called_that_of_the_requests(name):
    """A journey is one row, its steps others; the total adds up the steps, and nobody need guess."""
    one = made.scenario(operations=("buy", "buy/search"))
    inner = made.ScenarioVerdict(made.scenario_run(one), Outcome.PASS, made.HEALTHY, [], "all well")
    verdict = made.verdict_of([inner], Outcome.PASS, why="all well")
    show = printed if name == "terminal" else lambda shown: FORMATS[name].render(page_of(shown))
    assert "buy (journey)" in show(verdict)
    assert "total of the requests" in show(verdict)
    assert "total of the requests" not in show(made.failing())
