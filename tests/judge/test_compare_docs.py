"""Every command that docs/compare.md shows is one."""

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt
from stored_runs import stored_run

from loadtests.cli import calibrate, compare

PAGE = Path(__file__).resolve().parents[2] / "docs" / "compare.md"


def shown() -> list[list[str]]:
    """The words of each command line."""
    fences = [token.content for token in MarkdownIt().parse(PAGE.read_text()) if token.type == "fence"]
    return [shlex.split(line, comments=True)[1:] for fence in fences for line in fence.splitlines()]


def test_the_page_shows_both_commands() -> None:
    assert {words[0] for words in shown()} == {"compare", "calibrate"}


@pytest.mark.parametrize("words", [words for words in shown() if words[0] == "compare" and "--interleave" not in words])
def test_every_comparison_shown_compares(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for build in ("old", "new"):
        for number in (1, 2):
            stored_run(tmp_path / "reports" / f"{build}-{number}", build=build)
    result = CliRunner().invoke(compare.command, words[1:])
    assert result.exit_code == 0, (result.output, result.exception)


@pytest.mark.parametrize("words", [words for words in shown() if words[0] == "calibrate" or "--interleave" in words])
def test_every_command_that_would_make_runs_has_options_that_exist(words: list[str]) -> None:
    command = calibrate.command if words[0] == "calibrate" else compare.command
    assert command.make_context(words[0], words[1:]).params["names" if words[0] == "compare" else "scenario"]
