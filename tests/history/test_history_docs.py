"""Every command that docs/history.md shows does what it says there, in the order in which it stands."""

import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kept_runs import kept, stored
from markdown_it import MarkdownIt

from loadtests.cli import main
from loadtests.history.address import address_of
from loadtests.history.store import History

PAGE = Path(__file__).resolve().parents[2] / "docs" / "history.md"
SHOWN = "20261124-083000-api-1a2b"


def commands() -> list[list[str]]:
    """The commands of the page; what follows two spaces and # says what they do."""
    fences = [token.content for token in MarkdownIt().parse(PAGE.read_text()) if token.type == "fence"]
    lines = [line.split("  #")[0].strip() for shown in fences for line in shown.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("loadtests ")]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten runs of `api` in the history, and the run directory that the page speaks of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOADTESTS_HISTORY", raising=False)
    history = History.open(address_of(None, {}))
    for number in range(10):
        at = datetime.now(UTC) - timedelta(hours=number + 1)  # so that an age such as 90d holds them
        history.add(replace(kept(number=number, build=f"1.{number // 2}"), started_at=at))
    stored(tmp_path / "reports" / SHOWN)
    return tmp_path


def test_every_command_of_the_page_succeeds(workplace: Path, call: Callable[..., int]) -> None:
    """From the first look to the baseline that is shown."""
    shown = commands()
    assert {tuple(words[:2]) for words in shown} >= {("history",), ("history", "add"), ("baseline", "accept")}
    for words in shown:
        assert call(*words) == 0, words
    assert (workplace / "trend.html").exists()
    assert (workplace / "reports" / "baselines" / "main.json").exists()


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., int]:
    def said(*words: str) -> int:
        monkeypatch.setattr("sys.argv", ["loadtests", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not capsys.readouterr().err.startswith("loadtests:")
        return int(ended.value.code or 0)

    return said
