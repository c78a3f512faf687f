"""Whole runs, as a user makes them: verdicts, exit codes, files, and what happens when things go wrong."""

import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import psutil
import pytest
from suite_commands import HTTP_PLAN, NULL_PLAN, wait_for, windows_on_disk

from loadtests.result.rundir import read_run


class TestVerdicts:
    """The exit code says what the report says."""

    def test_a_run_that_meets_its_thresholds_passes_and_leaves_all_files(self, serve, run) -> None:
        """Exit 0, verdict pass, and every file of a run directory."""
        url, _ = serve()
        done = run(HTTP_PLAN.format(url=url, rate=300, seconds=3, thresholds='"p95 < 1s", "errors < 1%"'))
        assert (done.code, done.report["verdict"]) == (0, "pass"), done.out + done.err
        names = {path.name for path in done.directory.iterdir()}
        assert names == {
            "run.json", "windows.hlog", "windows.ndjson", "errors.ndjson",
            "report.json", "report.html", "junit.xml", "summary.md",
        }  # fmt: skip
        total = done.scenario["total"]
        assert (total["requests"], total["ok"], total["failed"]) == (900, 900, 0)
        assert str(done.directory / "report.html") in done.out

    def test_errors_beyond_the_threshold_fail_the_run(self, serve, run) -> None:
        """2% dialled errors against a 1% limit: FAIL, exit 1, and the share is exactly 2%."""
        url, _ = serve("--errors", "2%")
        plan = HTTP_PLAN.format(url=url, rate=1000, seconds=3, thresholds='"errors < 1%"').replace(
            "/health", "/api/agent/queue-status"
        )
        done = run(plan)
        assert (done.code, done.report["verdict"]) == (1, "fail"), done.out + done.err
        assert done.scenario["total"]["failures"] == {"status_5xx": 60}
        assert done.scenario["thresholds"][0]["observed"] == pytest.approx(0.02)
        suite = ET.parse(done.directory / "junit.xml").getroot()
        assert suite.findall(".//failure")

    @pytest.mark.parametrize(
        ("options", "code"),
        [
            pytest.param([], 0, id="by default a warning and 0"),
            pytest.param(["--strict"], 4, id="with --strict 4"),
        ],
    )
    def test_too_few_samples_for_a_claim_are_inconclusive(self, run, options, code) -> None:
        """p99.9 on 500 samples: not a pass, and it says that 2,995 are needed."""
        done = run(NULL_PLAN.format(rate=250, seconds=2, law="5ms", thresholds='"p99.9 < 2s"'), *options)
        assert (done.code, done.report["verdict"]) == (code, "inconclusive"), done.out + done.err
        assert "2,995" in done.scenario["thresholds"][0]["why"]
        assert "inconclusive" in done.out.lower()

    def test_processes_share_the_schedule_and_merge_to_the_same_counts(self, run) -> None:
        """The same seed on one process and on three: identical histograms on the null driver."""
        plan = NULL_PLAN.format(rate=500, seconds=2, law="1ms..9ms, 100ms 2%", thresholds='"p99 < 2s"')
        one, three = run(plan, "--processes", "1"), run(plan, "--processes", "3")
        merged = [read_run(done.directory).scenarios[0].by_second(["work"]) for done in (one, three)]
        assert merged[0].keys() == merged[1].keys()
        for second, tally in merged[0].items():
            assert tally.counters == merged[1][second].counters
            assert tally.histograms == merged[1][second].histograms


class TestFaultsOfTheTarget:
    """They are results, not crashes."""

    def test_an_unreachable_target_is_said_at_once(self, run) -> None:
        """Exit 5, one clear line, no run of failures."""
        began = time.monotonic()
        done = run(HTTP_PLAN.format(url="http://127.0.0.1:9", rate=100, seconds=30, thresholds='"p99 < 2s"'))
        assert done.code == 5
        assert "127.0.0.1:9" in done.err
        assert "Traceback" not in done.err
        assert time.monotonic() - began < 10

    def test_a_target_that_dies_mid_run_is_a_failure_by_kind_and_the_run_ends_in_time(self, serve, begin) -> None:
        """Connection failures are counted, the verdict is FAIL, and it is not the generator's fault."""
        url, target = serve()
        running = begin(HTTP_PLAN.format(url=url, rate=200, seconds=4, thresholds='"errors < 1%"'))
        wait_for(lambda: windows_on_disk(running.directory) > 1)
        target.kill()
        target.wait()
        done = running.wait(timeout=20)
        assert done.scenario["total"]["failures"]["connect"] > 100
        if any(reason.startswith("the generator was late") for reason in done.scenario["health"]["reasons"]):
            pytest.skip("this machine was too busy to keep to 200/s")
        assert (done.code, done.report["verdict"]) == (1, "fail"), done.out + done.err
        assert done.scenario["health"]["valid"]


class TestFaultsOfTheGenerator:
    """They make the run INVALID, never the target's failure."""

    PLAN = NULL_PLAN.format(rate=500, seconds=6, law="5ms", thresholds='"p99 < 2s"')

    def test_an_engine_that_was_stopped_for_two_seconds_is_no_measurement(self, begin) -> None:
        """SIGSTOP for 2 s: exit 3, and the reason names the pause."""
        running = begin(self.PLAN)
        engine = running.engine()
        engine.send_signal(signal.SIGSTOP)
        time.sleep(2)
        engine.send_signal(signal.SIGCONT)
        done = running.wait()
        assert (done.code, done.report["verdict"]) == (3, "invalid"), done.out + done.err
        assert done.scenario["health"]["reasons"]
        assert done.scenario["load"]["lag_ms"]["max"] > 1500
        assert ET.parse(done.directory / "junit.xml").getroot().findall(".//error")

    def test_an_engine_killed_mid_run_leaves_what_it_had_sent(self, begin) -> None:
        """kill -9 of one of two engine processes: INVALID, says which, and all flushed windows are kept."""
        running = begin(self.PLAN, "--processes", "2")
        engines = running.engines(2)
        kept = windows_on_disk(running.directory)
        engines[0].kill()
        done = running.wait()
        assert (done.code, done.report["verdict"]) == (3, "invalid"), done.out + done.err
        assert any("SIGKILL" in reason for reason in done.scenario["health"]["reasons"])
        assert windows_on_disk(done.directory) >= kept


class TestEndings:
    """However a run ends, what was recorded can be read."""

    PLAN = NULL_PLAN.format(rate=200, seconds=30, law="5ms", thresholds='"p99 < 2s"')

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_run_that_is_stopped_ends_in_order(self, begin, number) -> None:
        """Ctrl-C and SIGTERM: exit 130, a report that says so, nothing left running."""
        running = begin(self.PLAN)
        engine = running.engine()
        running.process.send_signal(number)
        done = running.wait(timeout=15)
        assert done.code == 130, done.out + done.err
        assert done.report["verdict"] == "invalid"
        assert "interrupted" in done.scenario["health"]["reasons"][0]
        assert read_run(done.directory).status == "interrupted"
        assert not psutil.pid_exists(engine.pid)

    def test_a_killed_run_can_be_read_judged_and_leaves_no_load_behind(self, begin, loadtests) -> None:
        """kill -9 of the command: flushed windows are there, the run is marked, the engine is gone."""
        running = begin(self.PLAN)
        engine = running.engine()
        running.process.kill()
        running.process.communicate()
        wait_for(lambda: not psutil.pid_exists(engine.pid) or engine.status() == psutil.STATUS_ZOMBIE)
        found = read_run(running.directory)
        assert found.status == "running"
        assert found.scenarios[0].windows
        judged = loadtests("judge", str(running.directory))
        assert judged.returncode == 3, judged.stdout + judged.stderr

    def test_an_abort_threshold_ends_the_run_early(self, run) -> None:
        """A limit that cannot be met stops a 30 s run after a few, and fails it."""
        began = time.monotonic()
        done = run(NULL_PLAN.format(rate=200, seconds=30, law="50ms", thresholds='"p50 < 10ms abort"'))
        assert (done.code, done.report["verdict"]) == (1, "fail"), done.out + done.err
        assert time.monotonic() - began < 20

    def test_nothing_is_overwritten_unasked(self, run, tmp_path: Path) -> None:
        """A directory with something in it is refused."""
        (tmp_path / "kept").mkdir()
        (tmp_path / "kept" / "notes.txt").write_text("mine")
        done = run(self.PLAN, output=tmp_path / "kept")
        assert done.code == 2
        assert (tmp_path / "kept" / "notes.txt").read_text() == "mine"

    def test_a_full_disk_is_said_and_what_was_written_stays_readable(self, run, tmp_path: Path) -> None:
        """A 64 kB file system fills up within the run: exit 3 with the reason, and a run that can still be read."""
        disk = tmp_path / "disk"
        disk.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True, check=False
        )
        if mounted.returncode != 0:
            pytest.skip("this machine does not let the test mount a small file system")
        try:
            plan = NULL_PLAN.format(rate=5000, seconds=30, law="1ms..900ms", thresholds='"p99 < 2s"')
            done = run(plan, output=disk / "run")
            assert done.code == 3, done.out + done.err
            assert "the disk is full" in done.err.lower()
            assert "Traceback" not in done.err
            assert read_run(disk / "run").scenarios[0].windows
        finally:
            subprocess.run(["umount", str(disk)], check=True)


class TestBadInput:
    """What, where, expected, nearest; and nothing lost."""

    def test_every_mistake_of_a_plan_is_said_at_once(self, run) -> None:
        """Four mistakes, four lines, exit 2."""
        done = run(
            "version: 1\nscenarios:\n  api:\n    drivr: http\n    load: {rate: fast, duration: 5m}\n"
            "    operations: [{name: a, request: FETCH /}]\n    thresholds: [p99 <> 2s]\n"
        )
        assert done.code == 2
        for part in ("drivr", "fast", "p99 <> 2s", "driver"):
            assert part in done.err
        assert "Traceback" not in done.err

    def test_a_host_that_is_not_allowed_gets_no_load(self, run) -> None:
        """Exit 2 before anything is sent. (Were it tried all the same, this address leads to this machine.)"""
        done = run(HTTP_PLAN.format(url="http://0.0.0.0:9", rate=1, seconds=2, thresholds='"p99 < 2s"'))
        assert done.code == 2, done.out + done.err
        assert "allow" in done.err

    @pytest.mark.parametrize(
        ("arguments", "part"),
        [
            pytest.param(["run", "-f", "nowhere.yaml"], "nowhere.yaml", id="a plan that is not there"),
            pytest.param(["judge", "nowhere"], "nowhere", id="a run that is not there"),
            pytest.param(["rnu"], "rnu", id="a command that does not exist"),
        ],
    )
    def test_a_wrong_command_line_is_exit_2_with_one_clear_message(self, loadtests, arguments, part) -> None:
        """No traceback, and the word that was wrong."""
        done = loadtests(*arguments)
        assert done.returncode == 2
        assert part in done.stderr
        assert "Traceback" not in done.stderr

    def test_help_answers_without_loading_the_machinery(self, loadtests) -> None:
        """`--help` imports neither numpy nor rich."""
        code = (
            "import sys; sys.argv = ['loadtests', '--help']\n"
            "try:\n import loadtests.cli; loadtests.cli.main()\n"
            "except SystemExit: pass\n"
            "assert not {'numpy', 'rich', 'pydantic', 'uvloop'} & set(sys.modules), 'heavy imports'"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
        assert done.returncode == 0, done.stderr
