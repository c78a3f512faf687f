"""Runs go into a history once, come out as they were, and are found by what they were; on both databases alike."""

from dataclasses import replace

import pytest
from kept_runs import BEGIN, answers, kept
from sqlalchemy import func, select

from loadtests.errors import HistoryUnusable, UsageError
from loadtests.history.address import Address
from loadtests.history.store import History, Selection
from loadtests.history.tables import HistogramRow, OperationRow, ScenarioRow, ThresholdRow


def test_a_run_comes_back_as_it_was_kept(address: Address) -> None:
    """Two scenarios, failures, a warning: every figure, count, histogram and verdict is the same."""
    one = kept("api", "jobs", at=lambda s: {"get": answers(s, failed=s % 2), "put": answers(s, amount=3)})
    assert History.open(address).add(one)
    assert History.open(address).run(one.id) == one


def test_recording_a_run_twice_changes_nothing(address: Address) -> None:
    """The second time it is there already, though it may have been judged otherwise meanwhile."""
    history, one = History.open(address), kept()
    assert history.add(one)
    assert not history.add(replace(one, build="another"))
    assert history.run(one.id).build == "b1"


def test_a_run_is_recorded_anew_when_asked_to(address: Address) -> None:
    """What was kept of it before goes with all its rows."""
    history, one = History.open(address), kept()
    history.add(one)
    assert history.add(replace(one, build="another"), replace=True)
    assert [found.build for found in history.runs(Selection())] == ["another"]
    with history.reading() as session:
        assert session.scalar(select(func.count()).select_from(ScenarioRow)) == 1


def test_a_run_that_is_removed_leaves_nothing_behind(address: Address) -> None:
    """Its scenarios, operations, histograms and thresholds go with it; others stay."""
    history = History.open(address)
    first, second = kept(number=0), kept(number=1)
    history.add(first)
    rows = _rows(history)
    history.add(second)
    assert history.remove([first.id, "never there"]) == 1
    assert _rows(history) == rows
    assert history.runs(Selection()) == [second]


def test_runs_are_selected_by_all_conditions_at_once(address: Address) -> None:
    """Scenario, branch, build and age narrow; the newest so many are kept; the oldest comes first."""
    history = History.open(address)
    for number in range(4):
        history.add(kept("api", number=number, build=f"b{number // 2}", branch="main" if number else "topic"))
    history.add(kept("jobs", number=9))

    def hours(selection: Selection) -> list[float]:
        return [(found.started_at - BEGIN).total_seconds() / 3600 for found in history.runs(selection)]

    assert hours(Selection()) == [0, 1, 2, 3, 9]
    assert hours(Selection(scenario="api")) == [0, 1, 2, 3]
    assert hours(Selection(branch="main", build="b0")) == [1]
    assert hours(Selection(scenario="api", newest=2)) == [2, 3]
    assert hours(Selection(since=kept(number=3).started_at)) == [3, 9]
    assert hours(Selection(scenario="none")) == []


def test_a_run_is_named_by_the_beginning_of_its_id_where_that_is_enough(file: Address) -> None:
    """An exact id wins; an ambiguous or unknown one is refused, and the message says what there is."""
    history = History.open(file)
    ids = []
    for number in (0, 1):
        one = kept(number=number)
        ids.append(one.id)
        history.add(one)
    history.add(replace(kept(number=2), id=ids[0] + "-more"))
    assert history.run(ids[1][:11]).id == ids[1]
    assert history.run(ids[0]).id == ids[0]
    with pytest.raises(UsageError, match="beginning of several runs"):
        history.run("2026")
    with pytest.raises(UsageError, match=f"no run 'x%'.*the newest is {ids[0]}-more"):
        history.run("x%")


def test_a_history_that_was_never_written_is_not_made_by_reading(file: Address) -> None:
    """The message says how runs get there."""
    with pytest.raises(HistoryUnusable, match="there is none yet; `loadtests run` records"):
        History.existing(file)
    assert file.file is not None
    assert not file.file.exists()


def _rows(history: History) -> list[int | None]:
    with history.reading() as session:
        tables = (ScenarioRow, OperationRow, HistogramRow, ThresholdRow)
        return [session.scalar(select(func.count()).select_from(table)) for table in tables]
