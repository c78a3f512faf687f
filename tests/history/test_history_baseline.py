"""An accepted baseline is a readable file that holds all that is kept of a run; doubtful ones are refused or marked."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from kept_runs import answers, kept

from loadtests.cli.baseline import command
from loadtests.errors import RunUnreadable, UsageError
from loadtests.history.baseline import accept, baselines, read_baseline
from loadtests.judge.verdict import Outcome

MISSED = {"thresholds": ["p95 < 1ms"]}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where baselines are looked for."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "reports" / "baselines"


def test_a_baseline_holds_everything_that_is_kept_but_the_runs_place(place: Path) -> None:
    """Counts, histograms, verdicts, dependence: read back the same. The directory was on another machine."""
    at = lambda s: {"get": answers(s, failed=s % 2), "put": answers(s, seed=1)}  # noqa: E731
    one = kept("api", "jobs", at=at, thresholds=["p99 < 1s"])
    file, _ = accept(one, "main")
    assert file.resolve() == place / "main.json"
    assert read_baseline("main").kept == replace(one, path=None)


def test_a_baseline_is_readable_and_a_new_one_differs_in_few_lines(place: Path) -> None:
    """No line but a histogram's is long; the same figures from another run change only what names that run."""
    one = kept()
    file, _ = accept(one, "main")
    first = file.read_text().splitlines()
    assert json.loads("\n".join(first))["schema"] == "loadtests.baseline/1"
    assert len(first) < 200
    assert max(len(line) for line in first if '"payload"' not in line) < 300
    accept(replace(one, id="another", build="b2"), "main", replace=True)
    changed = [line for line in file.read_text().splitlines() if line not in first]
    assert [line.split(":")[0].strip() for line in changed if "accepted_at" not in line] == ['"id"', '"build"']


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(MISSED, "its verdict is FAIL: 1 of 1 threshold missed: p95 < 1ms", id="a threshold was missed"),
        pytest.param({"status": "interrupted"}, "its verdict is INVALID: the run was interrupted", id="not finished"),
    ],
)
def test_a_run_that_failed_or_cannot_be_judged_is_refused_unless_forced(
    place: Path, changes: dict[str, object], said: str
) -> None:
    """And then the file says what there was against it."""
    one = kept(**changes)
    with pytest.raises(UsageError, match=f"is no baseline: {said}.*--force accepts it"):
        accept(one, "main")
    assert not place.exists()
    accept(one, "main", force=True)
    assert said in (read_baseline("main").forced or "")


def test_an_inconclusive_run_is_a_baseline_like_any_other(place: Path) -> None:
    """Nothing was found against it."""
    one = kept(thresholds=[])
    assert one.outcome is Outcome.INCONCLUSIVE
    accept(one, "main")
    assert read_baseline("main").forced is None


def test_a_baseline_is_replaced_only_when_asked_to(place: Path) -> None:
    """The refusal names the run that is there."""
    one = kept()
    accept(one, "main")
    with pytest.raises(UsageError, match=f"main.json is there already .run {one.id} of build b1.; --replace"):
        accept(replace(one, id="another"), "main")
    assert read_baseline("main").kept.id == one.id
    accept(replace(one, id="another"), "main", replace=True)
    assert [found.kept.id for found in baselines()] == ["another"]


@pytest.mark.parametrize("name", ["", "../main", "feature/x", ".hidden", "a b"])
def test_a_name_that_could_lead_elsewhere_is_refused(place: Path, name: str) -> None:
    with pytest.raises(UsageError, match="expected a name of letters"):
        accept(kept(), name)
    with pytest.raises(UsageError, match="no baseline"):
        read_baseline(name)


def test_a_baseline_that_is_not_there_is_told_with_those_that_are(place: Path) -> None:
    with pytest.raises(UsageError, match="there is none yet: loadtests baseline accept RUN"):
        read_baseline("main")
    accept(kept(), "main")
    with pytest.raises(UsageError, match="there are main; did you mean main"):
        read_baseline("mian")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("baseline/1", "baseline/9", "it has schema 'loadtests.baseline/9', this", id="newer"),
        pytest.param('"payload": "', '"payload": "x', "it is damaged: expected an HdrHistogram", id="a histogram"),
        pytest.param('"run": ', '"ran": ', "it is damaged: 'run' is missing", id="a missing part"),
        pytest.param('"verdict": "pass"', '"verdict": "fine"', "it is damaged: 'fine' is not", id="no such verdict"),
        pytest.param("{", "[", "it is damaged: ", id="no JSON"),
    ],
)
def test_a_damaged_baseline_is_told_and_not_guessed(place: Path, old: str, new: str, said: str) -> None:
    """A bad merge, an edit by hand, or a file of a later version."""
    file, _ = accept(kept(), "main")
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(RunUnreadable, match=f"main.json: {said}"):
        read_baseline("main")


def test_the_command_lists_and_shows_what_was_accepted(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what was overruled, and the verdict as it was recorded."""
    accept(kept(), "main")
    accept(kept(number=1, build="b7", **MISSED), "release", force=True)
    command.main(["list"], standalone_mode=False)
    listed = capsys.readouterr().out
    assert [line.split()[2:4] for line in listed.splitlines() if "2026" in line] == [["main", "b1"], ["release", "b7"]]
    assert "release was accepted though its verdict is FAIL" in listed
    command.main(["show", "release"], standalone_mode=False)
    assert "✘ FAIL   p95 < 1ms" in capsys.readouterr().out
