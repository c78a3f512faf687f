"""A run directory gives back what was written, and after a kill at any byte everything that is whole."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from result_samples import ENVIRONMENT, STARTED, histogram, plan, window, windows_of, writer
from test_result_files import disk_with

from loadtests.errors import GeneratorFault, RunUnreadable
from loadtests.result import hlog
from loadtests.result.histogram import HIGHEST_US, Histogram
from loadtests.result.manifest import ERRORS, HLOG, MANIFEST, WINDOWS
from loadtests.result.run import FailureSample, ProcessEnd, ResourceSample, Run
from loadtests.result.rundir import MESSAGE_LENGTH, SAMPLES_PER_KIND, RunWriter, read_run
from loadtests.result.window import Tally, Window

END = ProcessEnd("0", clean=False, windows=3, reason="killed by signal 9", faults={"file descriptors": 2})


def failure(message: str = "connection reset", *, kind: str = "reset", operation: str = "health") -> FailureSample:
    return FailureSample("api", operation, kind, 1.5, message, "0")


def windows_in(run: Run) -> list[Window]:
    return list(run.scenarios[0].windows)


def finished(directory: Path, windows: list[Window]) -> Path:
    with writer(directory) as made:
        for each in windows:
            made.window(each)
            made.flush()
        made.end_scenario("api", "complete", ended_s=10.0, processes=[ProcessEnd("0", clean=True)])
        made.finish("complete")
    return directory


def test_everything_written_is_read_back_equal(tmp_path: Path) -> None:
    path = tmp_path / "run"
    samples = [ResourceSample("api", 0.5, "target", {"cpu": 0.25}), ResourceSample("api", 1.5, "generator", {})]
    with writer(path, "api", "other") as made:
        made.window(window(0))
        made.resource(samples[0])
        made.window(window(1, health=Tally({"offered": 2}), buy=Tally({"ok": 1}, {"ttft": histogram(1, 9)})))
        made.resource(samples[1])
        made.failure(failure())
        made.end_scenario("api", "aborted", ended_s=7.5, processes=[END], stop_reason="p99 < 1ms was missed")
        made.window(window(0, scenario="other"))
        made.end_scenario("other", "complete", ended_s=10.0, processes=[ProcessEnd("0", clean=True, windows=1)])
        made.finish("aborted", warnings=["a warning"])
    found = read_run(path)
    assert (found.id, found.build, found.status, found.path) == ("a-run", "b1", "aborted", str(path))
    assert found.environment == ENVIRONMENT
    assert found.warnings == ("a warning",)
    assert found.plan.document == plan("api", "other").document
    assert found.plan.scenarios == plan("api", "other").scenarios
    api, other = found.scenarios
    assert api.windows == (
        window(0),
        window(1, health=Tally({"offered": 2}), buy=Tally({"ok": 1}, {"ttft": histogram(1, 9)})),
    )
    assert api.resources == tuple(samples)
    assert api.failures == (failure(),)
    assert (api.status, api.ended_s, api.stop_reason) == ("aborted", 7.5, "p99 < 1ms was missed")
    assert (api.processes, api.expected_processes, api.started_at) == ((END,), 1, STARTED)
    assert api.scenario.name == "api"
    assert other.windows == (window(0, scenario="other"),)
    assert (other.status, other.resources) == ("complete", ())


@settings(max_examples=30)
@given(windows_of("a b.c:d"))
def test_windows_of_any_names_and_counts_come_back_equal(windows: list[Window]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        made = writer(Path(directory), "a b.c:d")
        for each in windows:
            made.window(each)
        made.finish("complete")
        assert windows_in(read_run(Path(directory))) == windows


def test_what_was_clamped_is_kept_although_the_log_has_no_place_for_it(tmp_path: Path) -> None:
    tally = Tally({"ok": 2}, {"response.ok": Histogram.of_us(np.array([0, HIGHEST_US * 2])), "connect": histogram(3)})
    found = windows_in(read_run(finished(tmp_path, [window(0, health=tally), window(1)])))
    assert found[0].operations["health"].histogram("response.ok").clamped == 2
    assert found == [window(0, health=tally), window(1)]


def test_a_histogram_that_holds_nothing_is_not_stored(tmp_path: Path) -> None:
    """Adding an empty histogram makes the reference library report a minimum of 0."""
    tally = Tally({"ok": 0}, {"response.ok": Histogram.empty()})
    found = windows_in(read_run(finished(tmp_path, [window(0, health=tally)])))
    assert found == [window(0, health=Tally({"ok": 0}))]


def test_the_log_counts_seconds_from_the_runs_start(tmp_path: Path) -> None:
    made = RunWriter.create(
        tmp_path,
        plan("api"),
        run_id="x",
        build="b",
        environment=ENVIRONMENT,
        started_at=datetime(2026, 11, 23, 8, 30, tzinfo=UTC),
    )
    made.begin_scenario("api", 1, started_at="2026-11-23T08:30:02.500+00:00")
    made.window(window(0, second=4))
    made.finish("complete")
    lines = [line for line in (tmp_path / HLOG).read_text().splitlines() if line.startswith("Tag=")]
    assert [line.split(",HIST")[0] for line in lines] == [
        "Tag=api/health/response.ok,6.500,1.000,5003.000",
        "Tag=api/(generator)/start%20lag,6.500,1.000,40.000",
    ]


def test_a_killed_run_reads_up_to_its_last_flush_and_says_that_it_is_not_complete(tmp_path: Path) -> None:
    made = writer(tmp_path)
    made.window(window(0))
    made.flush()
    made.window(window(1))
    made.close()
    found = read_run(tmp_path)
    assert windows_in(found) == [window(0)]
    assert (found.status, found.scenarios[0].status, found.scenarios[0].ended_s) == ("running", "running", None)
    assert found.warnings == ("the run is not complete: it was killed or still goes on; 1 windows could be read",)


_ENDLESS_RUN = """
import sys
from itertools import count
from pathlib import Path
from result_samples import window, writer

made = writer(Path(sys.argv[1]))
for n in count():
    made.window(window(n))
    made.flush()
    print(n, flush=True)
"""


def test_a_process_killed_with_sigkill_loses_no_window_that_it_flushed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _ENDLESS_RUN, str(tmp_path / "run")]
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}
    ) as process:
        assert process.stdout is not None
        flushed = [int(process.stdout.readline()) for _ in range(50)][-1] + 1
        process.kill()
    found = windows_in(read_run(tmp_path / "run"))
    assert len(found) >= flushed
    assert found == [window(n) for n in range(len(found))]


def test_a_run_killed_before_its_first_scenario_reads_as_empty(tmp_path: Path) -> None:
    RunWriter.create(tmp_path, plan("api"), run_id="x", build="b", environment=ENVIRONMENT).close()
    assert read_run(tmp_path).scenarios == ()


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed after six windows, resources and failures."""
    path = tmp_path_factory.mktemp("stored")
    made = writer(path)
    for n in range(6):
        made.window(window(n, health=Tally({"offered": n}, {"response.ok": histogram(n + 1, 10**n)})))
        made.resource(ResourceSample("api", float(n), "target", {"cpu": 0.5}))
        made.failure(failure(f"number {n}"))
        made.flush()
    made.close()
    return path


@settings(max_examples=150)
@given(st.data())
def test_a_kill_at_any_byte_of_any_file_leaves_a_prefix_and_never_an_exception(
    stored: Path, data: st.DataObject
) -> None:
    whole = read_run(stored).scenarios[0]
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(shutil.copytree(stored, directory, dirs_exist_ok=True))
        sizes = {}
        for name in (HLOG, WINDOWS, ERRORS):
            content = (copy / name).read_bytes()
            sizes[name] = data.draw(st.integers(0, len(content)), label=name)
            (copy / name).write_bytes(content[: sizes[name]])
        found = read_run(copy).scenarios[0]
    assert found.windows == whole.windows[: len(found.windows)]
    assert found.resources == whole.resources[: len(found.resources)]
    assert found.failures == whole.failures[: len(found.failures)]
    assert len(found.failures) == (stored / ERRORS).read_bytes()[: sizes[ERRORS]].count(b"\n")
    logged = (stored / HLOG).read_bytes()[: sizes[HLOG]].split(b"\n")[:-1]
    histograms = sum(line.startswith(b"Tag=") for line in logged)
    lines = (stored / WINDOWS).read_bytes()[: sizes[WINDOWS]].split(b"\n")[:-1]
    assert len(found.windows) == min(histograms // 2, sum(b'"type":"window"' in line for line in lines))


@settings(max_examples=100)
@given(st.sampled_from([HLOG, WINDOWS, ERRORS]), st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=5))
def test_damage_anywhere_never_raises_and_never_changes_what_came_before_it(
    stored: Path, name: str, where: float, junk: bytes
) -> None:
    whole = read_run(stored).scenarios[0]
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(shutil.copytree(stored, directory, dirs_exist_ok=True))
        content = bytearray((copy / name).read_bytes())
        at = int(where * len(content))
        content[at : at + len(junk)] = junk
        (copy / name).write_bytes(content)
        found = read_run(copy).scenarios[0]
    untouched = bytes(content[:at]).count(b'"type":"window"' if name == WINDOWS else b"\nTag=")
    intact = untouched - 1 if name == WINDOWS else (untouched - 1) // 2 if name == HLOG else 6
    assert list(found.windows[: max(0, intact)]) == list(whole.windows[: max(0, intact)])
    assert len(found.windows) >= intact


def test_windows_lost_from_a_finished_run_are_missed(tmp_path: Path) -> None:
    finished(tmp_path, [window(n) for n in range(3)])
    lines = (tmp_path / WINDOWS).read_bytes().splitlines(keepends=True)
    (tmp_path / WINDOWS).write_bytes(b"".join(lines[:-1]))
    assert read_run(tmp_path).warnings == ("scenario api: 1 of 3 windows are missing or damaged",)


def test_a_log_that_is_gone_takes_its_windows_with_it(tmp_path: Path) -> None:
    finished(tmp_path, [window(n) for n in range(3)])
    (tmp_path / HLOG).unlink()
    assert read_run(tmp_path).warnings == ("scenario api: 3 of 3 windows are missing or damaged",)


def test_a_window_without_histograms_needs_nothing_from_the_log(tmp_path: Path) -> None:
    bare = Window("api", "0", 0, 0, {"health": Tally({"offered": 1, "dropped": 1})})
    assert windows_in(read_run(finished(tmp_path, [bare, window(1)]))) == [bare, window(1)]


def test_no_window_is_read_past_one_whose_histograms_are_gone(tmp_path: Path) -> None:
    """Otherwise what is read would not be a prefix: a gap in the middle, and a later second without its answers."""
    bare = Window("api", "0", 1, 1, {"health": Tally({"offered": 1, "dropped": 1})})
    finished(tmp_path, [window(0), bare])
    (tmp_path / HLOG).write_bytes(b"")
    assert windows_in(read_run(tmp_path)) == []


def test_histograms_that_belong_to_another_scenario_end_the_reading(tmp_path: Path) -> None:
    finished(tmp_path, [window(0), window(1)])
    log = (tmp_path / HLOG).read_bytes()
    (tmp_path / HLOG).write_bytes(log.replace(b"Tag=api", b"Tag=other"))
    assert windows_in(read_run(tmp_path)) == []


def test_failures_are_kept_up_to_a_number_per_kind_and_counted_beyond(tmp_path: Path) -> None:
    made = writer(tmp_path)
    for n in range(SAMPLES_PER_KIND + 5):
        made.failure(failure(f"number {n}"))
    made.failure(failure(kind="timeout"))
    made.failure(failure(operation="buy"))
    made.end_scenario("api", "complete", ended_s=1.0, processes=[])
    made.finish("complete")
    kept = read_run(tmp_path).scenarios[0].failures
    assert [sample.message for sample in kept[:SAMPLES_PER_KIND]] == [f"number {n}" for n in range(SAMPLES_PER_KIND)]
    assert [(sample.operation, sample.kind) for sample in kept[SAMPLES_PER_KIND:]] == [
        ("health", "timeout"),
        ("buy", "reset"),
    ]
    totals = json.loads((tmp_path / MANIFEST).read_text())["scenarios"][0]["totals"]
    assert (totals["failure_samples"], totals["failures_not_sampled"]) == (SAMPLES_PER_KIND + 2, 5)


def test_messages_are_bounded(tmp_path: Path) -> None:
    made = writer(tmp_path)
    made.failure(failure("x" * 10_000))
    made.failure(failure("y" * MESSAGE_LENGTH))
    made.finish("complete")
    long, fitting = (sample.message for sample in read_run(tmp_path).scenarios[0].failures)
    assert long == "x" * (MESSAGE_LENGTH - 1) + "…"
    assert fitting == "y" * MESSAGE_LENGTH


def test_no_file_of_a_run_holds_a_secret_not_even_half_of_one(tmp_path: Path) -> None:
    secret = "tk-0123456789abcdef"
    made = writer(tmp_path, secrets=(secret,))
    made.failure(failure(f"got Bearer {secret} back"))
    made.failure(failure("p" * (MESSAGE_LENGTH - 8) + secret))
    ends = [replace(END, reason=f"could not use {secret}")]
    made.end_scenario("api", "aborted", ended_s=1.0, processes=ends, stop_reason=f"because of {secret}")
    made.finish("aborted", warnings=[f"saw {secret}"])
    for name in (MANIFEST, HLOG, WINDOWS, ERRORS):
        assert secret[:4] not in (tmp_path / name).read_text()


def test_text_that_utf8_cannot_hold_is_written_anyway(tmp_path: Path) -> None:
    made = writer(tmp_path)
    made.failure(failure("bad byte \udcff here"))
    made.finish("complete")
    assert read_run(tmp_path).scenarios[0].failures[0].message == "bad byte ? here"


def test_a_figure_that_is_not_finite_is_absent(tmp_path: Path) -> None:
    made = writer(tmp_path)
    made.resource(ResourceSample("api", 0.0, "target", {"cpu": float("nan"), "pool": 0.5}))
    made.finish("complete")
    assert read_run(tmp_path).scenarios[0].resources == (ResourceSample("api", 0.0, "target", {"pool": 0.5}),)


def test_a_full_disk_raises_once_and_for_all_and_what_was_written_stays_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = writer(tmp_path)
    made.window(window(0))
    made.flush()
    with monkeypatch.context() as patched:
        disk_with(100, patched)
        made.window(window(1))
        with pytest.raises(GeneratorFault, match=r"windows\.hlog: the disk is full"):
            made.flush()
        with pytest.raises(GeneratorFault, match="the disk is full"):
            made.flush()
        with pytest.raises(GeneratorFault, match="the disk is full"):
            made.finish("aborted")
    assert windows_in(read_run(tmp_path)) == [window(0)]
    assert read_run(tmp_path).status == "running"


def rewritten(path: Path, change: dict[str, Any]) -> None:
    manifest = json.loads((path / MANIFEST).read_text())
    (path / MANIFEST).write_text(json.dumps(manifest | change))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"schema": "loadtests.run/9"}, "schema 'loadtests.run/9', this version reads", id="newer schema"),
        pytest.param({"schema": None}, "schema None", id="no schema"),
        pytest.param({"status": "odd"}, "run.json is damaged at status", id="unknown status"),
        pytest.param({"scenarios": [{"name": 1}]}, "run.json is damaged at scenarios.0.name", id="a bad scenario"),
        pytest.param({"plan": {}}, "this version cannot use the plan in it", id="no plan"),
        pytest.param(
            {"plan": {"version": 7}}, "this version cannot use the plan in it", id="a plan of another version"
        ),
        pytest.param({"plan": []}, "run.json is damaged at plan", id="a plan that is none"),
        pytest.param({"environment": []}, "run.json is damaged at environment", id="no environment"),
        pytest.param(
            {"scenarios": [{"name": "gone", "started_at": STARTED, "expected_processes": 1}]},
            "its plan has no scenario 'gone'",
            id="a scenario that the plan does not have",
        ),
    ],
)
def test_a_manifest_that_cannot_be_used_says_why(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    finished(tmp_path, [window(0)])
    rewritten(tmp_path, change)
    with pytest.raises(RunUnreadable, match=reason):
        read_run(tmp_path)


def test_the_manifest_holds_the_totals_of_each_scenario(tmp_path: Path) -> None:
    finished(tmp_path, [window(0), window(1, health=Tally({"offered": 4, "ok": 3}))])
    manifest = orjson.loads((tmp_path / MANIFEST).read_bytes())
    assert manifest["schema"] == "loadtests.run/1"
    assert manifest["scenarios"][0]["totals"] == {
        "windows": 2,
        "failure_samples": 0,
        "failures_not_sampled": 0,
        "operations": {"health": {"offered": 5, "ok": 3}},
    }


def test_a_log_entry_is_read_only_with_its_window(tmp_path: Path) -> None:
    """The log is flushed first, so after a kill in between it is ahead; the window does not count."""
    finished(tmp_path, [window(0)])
    extra = hlog.line(hlog.tag("api", "health", "response.ok"), 1.0, histogram=histogram(9))
    with (tmp_path / HLOG).open("ab") as log:
        log.write(extra + b"\n")
    assert windows_in(read_run(tmp_path)) == [window(0)]
