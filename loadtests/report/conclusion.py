"""The end of every run: judged, its reports written, the verdict shown."""

import sys
from pathlib import Path
from typing import TextIO

from loadtests.history.address import Address
from loadtests.history.recording import try_to_record
from loadtests.judge.judgement import exit_code, judge_run
from loadtests.report import page_of, write_reports
from loadtests.report.github import announce
from loadtests.report.terminal import print_verdict
from loadtests.result.rundir import read_run

__all__ = ["conclude"]


def conclude(
    directory: Path,
    *,
    strict: bool = False,
    github: bool = False,
    history: Address | None = None,
    stream: TextIO | None = None,
) -> int:
    """Judge the run in `directory`, write its reports, show the verdict and where to read on; returns the exit code.

    It is shown on `stream`, stdout when `None`. `github` says it to the job on GitHub too that the run is part of. Last
    of all the run is recorded in `history`, where there is one.
    """
    stream = stream or sys.stdout
    verdict = judge_run(read_run(directory))
    shown = page_of(verdict)
    paths = write_reports(shown, directory)
    print_verdict(shown, stream=stream)
    if github:
        announce(shown, stream)
    page = next(path for path in paths if path.suffix == ".html")
    print(f"report: {page}", file=stream, flush=True)
    if history is not None:
        print(try_to_record(verdict, history), file=sys.stderr, flush=True)
    return exit_code(verdict, strict=strict)
