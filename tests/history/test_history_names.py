"""What is kept can be named wherever a run can: to be compared, judged again, or accepted."""

from collections.abc import Callable
from pathlib import Path

import pytest
from kept_runs import kept

from loadtests.cli.baseline import command as baseline
from loadtests.cli.judge import command as judge
from loadtests.cli.operands import operand
from loadtests.errors import UsageError
from loadtests.history.address import address_of
from loadtests.history.baseline import accept, read_baseline
from loadtests.history.store import History
from loadtests.result.window import OK

Judge = Callable[..., tuple[int, str]]


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    """Two runs of build 1.2 and one of 1.3 at the usual place, and one of them accepted as baseline main."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOADTESTS_HISTORY", raising=False)
    made = History.open(address_of(None, {}))
    for number, build in enumerate(("1.2", "1.2", "1.3")):
        made.add(kept("api", "jobs", number=number, build=build))
    accept(kept("api", "jobs", number=0, build="1.2"), "main")
    return made


@pytest.fixture
def judged(history: History, capsys: pytest.CaptureFixture[str]) -> Judge:
    def call(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            judge.main([*arguments], standalone_mode=False)
        return int(ended.value.code or 0), capsys.readouterr().out

    return call


def test_a_build_stands_for_all_its_runs_and_a_baseline_for_its_one(history: History) -> None:
    """Each with every scenario, merged, without windows."""
    found = {text: operand(text) for text in ("build:1.2", "build:1.3", "baseline:main", "history:20260101-0200")}
    assert {text: len(side.of("api")) for text, side in found.items()} == dict(zip(found, (2, 1, 1, 1), strict=True))
    assert all(side.scenarios == ["api", "jobs"] for side in found.values())
    record = found["baseline:main"].of("api")[0]
    assert (record.windows, record.build, record.total.count(OK)) == (None, "1.2", 500)
    assert record.comparability == found["build:1.3"].of("api")[0].comparability


def test_of_a_build_the_runs_that_cannot_be_judged_are_left_out_and_told(
    history: History, capsys: pytest.CaptureFixture[str]
) -> None:
    """One interrupted run does not keep a build from being compared; a build of nothing else is left as it is."""
    history.add(kept("api", number=5, build="1.2", status="interrupted"))
    history.add(kept("api", number=6, build="1.4", status="interrupted"))
    assert len(operand("build:1.2").of("api")) == 2
    told = "build:1.2: without run 20260101-050000-api (api): it was interrupted before its end\n"
    assert capsys.readouterr().err == told
    assert [record.invalid for record in operand("build:1.4").of("api")] == ["it was interrupted before its end"]


def test_kept_runs_stand_beside_each_other(history: History) -> None:
    """But one run counts once, by whatever name."""
    assert len(operand("build:1.2,build:1.3").of("jobs")) == 3
    with pytest.raises(UsageError, match="is named twice"):
        operand("build:1.2,baseline:main")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("build:1.22", "no run of build '1.22' .*the newest are 1.3, 1.2; did you mean 1.2", id="a build"),
        pytest.param("baseline:mainn", "no baseline 'mainn' .* did you mean main", id="a baseline"),
        pytest.param("history:2025", "no run '2025' is recorded .*the newest is 20260101-020000-api-jobs", id="a run"),
        pytest.param(
            "builds:1", "no run is named 'builds:1': expected .* baseline:NAME, build:NAME", id="no such kind"
        ),
    ],
)
def test_a_name_of_nothing_is_refused_with_what_there_is(history: History, name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        operand(name)


def test_a_kept_run_is_judged_again(judged: Judge) -> None:
    """By its own thresholds as it was recorded, by others from its merged counts; and it exits by the verdict."""
    code, text = judged("history:20260101-0200")
    assert (code, "all 2 scenarios pass" in text) == (0, True)
    code, text = judged("baseline:main", "--threshold", "p95 < 1ms")
    assert code == 1
    assert "p95 is" in text
    code, text = judged("history:20260101-0200", "--threshold", "mean < 1s")
    assert code == 3
    assert "the bounds of a mean need single seconds, which are not kept in the history" in text


def test_what_is_kept_has_no_directory_to_write_to(history: History) -> None:
    with pytest.raises(UsageError, match="expected a run directory with --write"):
        judge.main(["baseline:main", "--write"], standalone_mode=False)


def test_one_run_is_needed_where_one_is_judged(history: History) -> None:
    with pytest.raises(UsageError, match=r"build:1\.2 names 2 runs, expected one: such as history:20260101-010000"):
        judge.main(["build:1.2"], standalone_mode=False)


def test_a_recorded_run_is_accepted_without_its_directory(history: History) -> None:
    baseline.main(["accept", "build:1.3", "--name", "next"], standalone_mode=False)
    assert read_baseline("next").kept.build == "1.3"
