"""What `loadtests history` says and does, by its own words."""

from collections.abc import Callable
from pathlib import Path

import pytest
from kept_runs import MACHINE, kept, run, stored

from loadtests.cli.history import command
from loadtests.errors import UsageError
from loadtests.history.address import address_of
from loadtests.history.store import History, Selection
from loadtests.result.rundir import RunWriter

Call = Callable[..., str]


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Three runs of `api`, of the two newest also `jobs`."""
    made = History.open(address_of(str(tmp_path / "history.db"), {}))
    for number in range(3):
        made.add(kept(*(["api", "jobs"] if number else ["api"]), number=number, build=f"1.{number}"))
    return made


@pytest.fixture
def call(history: History, capsys: pytest.CaptureFixture[str]) -> Call:
    def said(*arguments: str) -> str:
        command.main([*arguments, "--database", str(history.address)], standalone_mode=False)
        return capsys.readouterr().out

    return said


def test_a_word_that_is_no_command_is_a_scenario(call: Call) -> None:
    """With or without options before it; a scenario that is named as a command is asked for with `show`."""
    assert call("api").startswith("api  3 runs")
    assert call("--last", "2", "jobs").startswith("jobs  2 runs")
    with pytest.raises(UsageError, match="no run of 'prune' is recorded"):
        call("show", "prune")


def test_without_a_scenario_all_are_listed(call: Call) -> None:
    assert [line.split()[2:4] for line in call().splitlines()[2:]] == [["api", "3"], ["jobs", "2"]]


def test_what_makes_no_sense_without_a_scenario_is_refused(call: Call) -> None:
    with pytest.raises(UsageError, match="expected a SCENARIO with --operation, --html or --format"):
        call("--format", "csv")


def test_a_directory_that_is_no_run_keeps_no_other_out(
    call: Call, history: History, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told, the run after it is recorded, and the exit code says that something was wrong."""
    (tmp_path / "none").mkdir()
    begun = tmp_path / "begun"
    RunWriter.create(begun, run().plan, run_id="begun", build="b9", environment=MACHINE).finish("interrupted")
    sound = stored(tmp_path / "sound", build="b9")
    with pytest.raises(SystemExit) as ended:
        call("add", str(tmp_path / "none"), str(begun), str(sound))
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == "sound  recorded\n"
    assert "it has no run.json" in said.err
    assert "no scenario of it ever began" in said.err
    assert history.run("sound").build == "b9"


def test_nothing_goes_before_it_was_said_what_stays(call: Call, history: History) -> None:
    """Neither `prune` alone nor with two rules at once."""
    for arguments in ([], ["--keep", "1", "--since", "3d"]):
        with pytest.raises(UsageError, match="either --keep N or --since"):
            call("prune", *arguments)
    assert len(history.runs(Selection())) == 3


def test_what_goes_is_listed_first_and_then_goes(call: Call, history: History) -> None:
    """A dry run changes nothing, and names the same runs."""
    oldest = kept("api", number=0).id
    assert call("prune", "--keep", "2", "--dry-run").splitlines() == [
        f"{oldest}  2026-01-01 00:00  1.0  pass",
        "1 run would go",
    ]
    assert len(history.runs(Selection())) == 3
    assert call("prune", "--keep", "2").splitlines()[-1] == "1 run forgotten"
    assert [run.build for run in history.runs(Selection())] == ["1.1", "1.2"]
    assert call("prune", "--keep", "2").splitlines() == ["0 runs forgotten"]


@pytest.mark.parametrize(
    ("since", "left"),
    [
        pytest.param("2026-01-01T01:00", 2, id="a moment in UTC"),
        pytest.param("2026-01-01T03:30+02:00", 1, id="a moment of its own zone"),
        pytest.param("2026-01-01", 3, id="a day"),
        pytest.param("99999w", 3, id="an age"),
    ],
)
def test_since_is_a_day_a_moment_or_an_age(call: Call, since: str, left: int) -> None:
    assert call("api", "--since", since).startswith(f"api  {left} run")
