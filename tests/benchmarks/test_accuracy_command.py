"""The commands of accuracy: what is printed, what goes into RESULTS.md, how they end."""

from dataclasses import dataclass

import pytest
from click.testing import CliRunner

from benchmarks.accuracy import one_by_one
from benchmarks.accuracy.__main__ import command as http
from benchmarks.accuracy.comparison import Row
from benchmarks.accuracy.one_by_one import case_command

HOLDS, IS_OFF = Row("p50", "ns", 5e6, 5.1e6, 4e5), Row("p99", "ns", 5e6, 9e6, 4e5)


@dataclass(frozen=True)
class Named:
    name: str
    sentence: str = "what it shows"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What was written, by section."""
    sections: dict[str, str] = {}
    monkeypatch.setattr(one_by_one, "write_section", sections.__setitem__)
    return sections


def ran(*arguments: str, rows: tuple[Row, ...] = (HOLDS,)):
    cases = (Named("one"), Named("two"))
    command = case_command("benchmarks.x", cases, lambda _: list(rows), about="x", section="Accuracy of x")
    return CliRunner().invoke(command, list(arguments))


def test_brief_prints_what_does_not_hold_and_writes_everything(written: dict[str, str]) -> None:
    """The results have every row, also of a command that prints few."""
    done = ran("--brief", "--write", rows=(HOLDS, IS_OFF))
    assert done.exit_code == 1
    assert "p50" not in done.stdout
    assert done.stdout.count("| p99") == 2
    assert [written["Accuracy of x"].count(name) for name in ("| p50", "| p99")] == [2, 2]


def test_nothing_is_written_unasked(written: dict[str, str]) -> None:
    assert ran().exit_code == 0
    assert written == {}


def test_some_cases_do_not_take_the_place_of_all(written: dict[str, str]) -> None:
    """In the results; they may be looked at."""
    assert ran("--only", "one").exit_code == 0
    for done in (ran("--only", "one", "--write"), CliRunner().invoke(http, ["--model", "open", "--write"])):
        assert done.exit_code == 2
        assert "--write takes all cases" in done.stderr
    assert written == {}


def test_an_unknown_case_is_refused_with_those_there_are() -> None:
    done = ran("--only", "three")
    assert done.exit_code == 2
    assert "no case is called three; the cases are one, two" in done.stderr
