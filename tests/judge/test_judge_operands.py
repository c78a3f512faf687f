"""What can be named as a side of a comparison, and what a record of a run keeps."""

from pathlib import Path

import pytest
from stored_runs import MACHINE, stored_run
from synthetic_runs import ms, tally

from loadtests.cli.operands import operand
from loadtests.errors import UsageError
from loadtests.judge.record import records_of
from loadtests.result.environment import comparability
from loadtests.result.run import Environment
from loadtests.result.rundir import read_run
from loadtests.result.window import COMPLETED_OK, FAILED, RESPONSE_OK


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """Three runs of two builds, a link to one of them, and a directory that is no run."""
    for name, build in (("1-api", "old"), ("2-api", "old"), ("3-other", "new")):
        stored_run(tmp_path / name, build=build)
    (tmp_path / "latest").symlink_to("3-other", target_is_directory=True)
    (tmp_path / "baselines").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("{}/1-api", ["1-api"], id="a run directory"),
        pytest.param("{}/latest", ["3-other"], id="a link to one"),
        pytest.param("{}", ["1-api", "2-api", "3-other"], id="a directory of runs, without links"),
        pytest.param("{}/*-api", ["1-api", "2-api"], id="a pattern"),
        pytest.param("{0}/3-other,{0}/1-api", ["1-api", "3-other"], id="several, the oldest first"),
    ],
)
def test_an_operand_stands_for_the_runs_it_names(reports: Path, text: str, found: list[str]) -> None:
    side = operand(text.format(reports))
    assert [record.run_id for record in side.records] == found
    assert side.scenarios == ["api"]


def test_a_relative_pattern_is_looked_for_from_here(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reports.parent)
    assert len(operand(f"{reports.name}/*-api").records) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("{}/absent", "no run is named", id="nothing there"),
        pytest.param("{}/x*", "no run is named", id="a pattern without a match"),
        pytest.param("{}/baselines", "no run is named", id="a directory without runs"),
        pytest.param(",", "no run is named", id="nothing between commas"),
        pytest.param("{0}/1-api,{0}/*-api", "1-api is named twice", id="one run twice"),
    ],
)
def test_an_operand_that_names_nothing_or_one_run_twice_is_refused(reports: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        operand(text.format(reports))


def test_a_record_holds_the_merged_counts_of_the_steady_interval(tmp_path: Path) -> None:
    """Six seconds of two answers and one failure are 12 and 6, by operation and in total."""
    at = lambda second: tally(ms(5, 5 + second), failed={"timeout": 1})  # noqa: E731
    (record,) = records_of(read_run(stored_run(tmp_path / "r", at)))
    for found in (record.total, record.tally("get")):
        assert found.histogram(RESPONSE_OK).total == 12
        assert found.count(FAILED + "timeout") == 6
        assert found.count(COMPLETED_OK) == 12
    assert (record.steady_s, record.tally("absent").counters) == (6.0, {})


def test_a_record_knows_why_its_run_cannot_be_judged(tmp_path: Path) -> None:
    """A late generator and an interruption make a run unusable; a sound run has nothing against it."""
    sound, late = stored_run(tmp_path / "sound"), stored_run(tmp_path / "late", lag_us=900_000)
    cut = stored_run(tmp_path / "cut", status="interrupted")
    found = [records_of(read_run(each))[0].invalid for each in (sound, late, cut)]
    assert found[0] is None
    assert found[1] is not None
    assert "stood still" in found[1]
    assert found[2] == "it was interrupted before its end"


def test_records_of_one_machine_and_plan_have_one_comparability_and_others_another(tmp_path: Path) -> None:
    """It is the manifest's own hash where the run has one scenario."""
    slower = Environment({**MACHINE.machine, "cores": 1}, MACHINE.versions)
    runs = [read_run(stored_run(tmp_path / "a")), read_run(stored_run(tmp_path / "b", build="b2"))]
    runs += [read_run(stored_run(tmp_path / "c", environment=slower)), read_run(stored_run(tmp_path / "d", rate=30))]
    found = [records_of(run)[0].comparability for run in runs]
    assert found[0] == found[1] == comparability(runs[0].plan.document, MACHINE)
    assert len(set(found)) == 3
