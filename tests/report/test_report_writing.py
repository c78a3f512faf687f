"""All reports together: written whole or not at all, equal to what was accepted, and safe with any name."""

import html
import json
import os
import re
import xml.etree.ElementTree as ET
from io import StringIO
from pathlib import Path

import made_verdicts as made
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from loadtests.errors import GeneratorFault
from loadtests.judge.verdict import Outcome
from loadtests.report import FORMATS, USUAL, Format, page_of, print_verdict, write_reports
from loadtests.report.wording import plain, visible
from loadtests.result.run import FailureSample

GOLDEN = Path(__file__).parent / "golden"
SCRUB = [
    (re.compile(r"\d{4}-\d\d-\d\d(T[\d:]+Z?|[ \d:]+UTC)"), "STARTED"),
    (re.compile(r"loadtests \d+\.\d+\.\d+"), "loadtests VERSION"),
]


def test_all_formats_are_written():
    """Each under its well-known name; four of them unasked."""
    assert {name: one.filename for name, one in FORMATS.items()} == {
        "json": "report.json",
        "html": "report.html",
        "junit": "junit.xml",
        "markdown": "summary.md",
        "ctrf": "ctrf.json",
        "csv": "windows.csv",
        "openmetrics": "openmetrics.txt",
    }
    assert USUAL == ("json", "html", "junit", "markdown")


def test_reports_land_in_a_new_directory(tmp_path):
    """The directory is made; exactly the files whose paths are returned are in it."""
    paths = write_reports(made.verdict(), tmp_path / "new" / "place")
    assert sorted(paths) == sorted((tmp_path / "new" / "place").iterdir())
    assert json.loads((tmp_path / "new/place/report.json").read_text())["verdict"] == "pass"


def test_only_the_chosen_formats_are_written(tmp_path):
    assert [path.name for path in write_reports(made.verdict(), tmp_path, formats=["junit"])] == ["junit.xml"]
    assert [path.name for path in tmp_path.iterdir()] == ["junit.xml"]


def test_a_renderer_that_fails_leaves_the_old_reports_as_they_were(tmp_path, monkeypatch):
    """All is rendered before anything is written, so reports of two runs never lie side by side."""
    write_reports(made.verdict(), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def broken(page):
        raise ValueError("broken")

    monkeypatch.setattr("loadtests.report.FORMATS", FORMATS | {"markdown": Format("summary.md", broken)})
    with pytest.raises(ValueError, match="broken"):
        write_reports(made.failing(), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_place_that_takes_no_files_is_a_fault_of_our_side(tmp_path):
    """A full disk or a missing permission is one sentence with exit code 3, not a traceback."""
    (tmp_path / "report.json").mkdir()
    (tmp_path / "report.json" / "inside").touch()
    with pytest.raises(GeneratorFault, match="cannot write"):
        write_reports(made.verdict(), tmp_path)
    assert not list(tmp_path.glob(".*part"))


@pytest.mark.parametrize("name", ["junit", "markdown"])
@pytest.mark.parametrize("kind", ["fail", "invalid", "inconclusive", "websocket"])
def test_reports_read_as_accepted(name, kind):
    """Word for word but for times and versions; GOLDEN=write accepts what is there now."""
    text = FORMATS[name].render(page_of(made.every()[kind]))
    for found, scrubbed in SCRUB:
        text = found.sub(scrubbed, text)
    accepted = GOLDEN / f"{kind}.{FORMATS[name].filename}"
    if os.environ.get("GOLDEN") == "write":
        accepted.write_text(text, encoding="utf-8")
    assert text == accepted.read_text(encoding="utf-8")


def named(name):
    """A verdict in which that text stands wherever a text can stand."""
    one = made.scenario(name, operations=(name,), seconds=8)
    windows = [window for window in made.windows(one, seconds=8) if window.second > 5]
    run = made.scenario_run(one, made=windows, seconds=8, failures=[FailureSample(name, name, name, 1.0, name)])
    document = {name: name}
    inner = made.ScenarioVerdict(run, Outcome.FAIL, made.STARVED, [made.threshold(name, Outcome.FAIL, why=name)], name)
    return made.verdict_of([inner], Outcome.FAIL, why=name, document=document, warnings=[name])


def survives(name):
    page = page_of(named(name))
    files = {kind: one.render(page) for kind, one in FORMATS.items()}
    for text in files.values():
        text.encode()
    scenario = json.loads(files["json"])["scenarios"][0]
    assert scenario["name"] == scenario["operations"][0]["name"] == plain(name)
    case = list(ET.fromstring(files["junit"].encode()).iter("testcase"))[1]
    assert case.get("classname") == f"loadtests.{visible(name)}"
    page_text = html.unescape(re.sub(r"<[^>]*>", "", files["html"]))
    assert page_text.count(visible(name)) >= 8
    cells = [
        token for token in MarkdownIt("gfm-like", {"linkify": False}).parse(files["markdown"]) if token.type == "inline"
    ]
    assert any("".join(child.content for child in token.children) == visible(name).strip() for token in cells)
    out = StringIO()
    print_verdict(page, stream=out)
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", out.getvalue())


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>", "a|b|c", "two\nlines", "😀 grüße 漢字", "nul\x00 bell\x07 esc\x1b[2J",
        "]]> <!-- &amp; \"'", "{{ 7 * 7 }} {% raw %}", "`tick` *star* _under_", "\ud800 half", "\u202ereversed",
        "C:\\path\\", "key: [value", "%s %d",
    ],
)  # fmt: skip
def test_odd_names_survive_everywhere(name):
    """JSON keeps them as they are, the others show them on one line without effect."""
    survives(name)


@settings(max_examples=30, deadline=None)
@given(st.text(min_size=1, max_size=40).filter(lambda name: visible(name).strip()))
def test_any_name_survives_everywhere(name):
    survives(name)


def test_no_secret_reaches_a_report():
    """A secret that came back in a failure is in none of the files."""
    verdict = made.verdict_of(
        [made.ScenarioVerdict(
            made.scenario_run(failures=[FailureSample("api", "execute", "status_4xx", 7.0, "denied: hunter2")]),
            Outcome.PASS, made.HEALTHY, made.GOOD, "held",
        )],
        Outcome.PASS, why="held", secrets=("hunter2",),
    )  # fmt: skip
    page = page_of(verdict)
    assert "denied: ***" in FORMATS["html"].render(page)
    assert not any("hunter2" in one.render(page) for one in FORMATS.values())
