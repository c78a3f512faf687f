"""Where a run may be written, what it is called, and what is no run."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from result_samples import window, writer
from test_result_files import disk_with

from loadtests.errors import GeneratorFault, RunUnreadable, UsageError
from loadtests.result.manifest import ERRORS, HLOG, MANIFEST, WINDOWS
from loadtests.result.rundir import new_run_id, read_run


def test_a_directory_that_holds_anything_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty; choose another with -o"):
        writer(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_in_the_directorys_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(UsageError, match=r"cannot make the run directory .*: file exists"):
        writer(tmp_path / "run")


def test_an_empty_directory_is_taken_and_missing_parents_are_made(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "a" / "b"):
        writer(path).finish("complete")
        assert {each.name for each in path.iterdir()} == {MANIFEST, HLOG, WINDOWS, ERRORS}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"a"', '{"schema": "loadtests.run/1"}', "\udcff"])
def test_a_corrupt_manifest_is_unreadable_whatever_is_in_it(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(RunUnreadable, match=r"run\.json"):
        read_run(tmp_path)


def test_a_missing_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunUnreadable, match="there is no such directory"):
        read_run(tmp_path / "gone")


def test_a_directory_without_a_manifest_is_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunUnreadable, match=r"it has no run\.json, so it is not a run directory"):
        read_run(tmp_path)


def test_ids_sort_by_time_and_differ() -> None:
    early = new_run_id("API load!", at=datetime(2026, 11, 23, 8, 30, tzinfo=UTC))
    late = new_run_id("api", at=datetime(2026, 11, 23, 8, 30, 1, tzinfo=UTC))
    assert early.startswith("20261123-083000-api-load-")
    assert early < late
    assert len({new_run_id("api", at=datetime(2026, 11, 23, tzinfo=UTC)) for _ in range(20)}) > 15


@pytest.mark.parametrize(("label", "word"), [("", "run"), ("///", "run"), ("ä", "run"), ("a" * 90, "a" * 40)])
def test_any_label_gives_an_id_fit_for_a_directory_name(label: str, word: str) -> None:
    assert new_run_id(label).split("-")[2] == word


def test_after_a_failed_write_the_end_of_the_run_is_still_recorded_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = writer(tmp_path)
    with monkeypatch.context() as patched:
        disk_with(0, patched)
        made.window(window(0))
        with pytest.raises(GeneratorFault):
            made.flush()
    made.finish("aborted")
    found = read_run(tmp_path)
    assert found.status == "aborted"
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("recording stopped early: cannot write")
