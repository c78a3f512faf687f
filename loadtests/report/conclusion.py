"""The end of every run: judged, its reports written, the verdict shown."""

import sys
from pathlib import Path

from loadtests.history.address import Address
from loadtests.history.recording import try_to_record
from loadtests.judge.judgement import exit_code, judge_run
from loadtests.report import page_of, write_reports
from loadtests.report.github import announce
from loadtests.report.terminal import print_verdict
from loadtests.result.rundir import read_run

__all__ = ["conclude"]


def conclude(directory: Path, *, strict: bool = False, github: bool = False, history: Address | None = None) -> int:
    """Judge the run in `directory`, write its reports, show the verdict and where to read on; returns the exit code.

    `github` says it to the job on GitHub too that the run is part of. Last of all the run is recorded in `history`,
    where there is one.
    """
    verdict = judge_run(read_run(directory))
    shown = page_of(verdict)
    paths = write_reports(shown, directory)
    print_verdict(shown, stream=sys.stdout)
    if github:
        announce(shown, sys.stdout)
    page = next(path for path in paths if path.suffix == ".html")
    print(f"report: {page}", flush=True)
    if history is not None:
        print(try_to_record(verdict, history), file=sys.stderr, flush=True)
    return exit_code(verdict, strict=strict)
