"""The highest rate a generator holds is found within a tenth, kept by machine, and plans near it are warned."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from loadtests.cli import ceiling
from loadtests.cli.calibrate import command
from loadtests.cli.ceiling import DRIVERS, find_ceiling, plan_document
from loadtests.errors import UsageError
from loadtests.judge.verdict import Health
from loadtests.plan.loader import plan_from_document
from loadtests.result.ceiling import Ceiling, advice, keep_ceilings, read_ceilings
from loadtests.result.environment import capture
from loadtests.result.run import Environment

HERE = Environment({"cpu": "one", "cores": 2}, {"python": "CPython 3.11"})
THERE = Environment({"cpu": "two", "cores": 2}, {"python": "CPython 3.11"})
HTTP = Ceiling("http", 20_000.0, 900_000, "2026-11-24T23:00:00+00:00")


def health(rate: float) -> Health:
    return Health((), (), 0, 0, rate, rate, 0, 0, 0, None, None, None)


@given(limit=st.floats(1_000, 900_000))
def test_the_ceiling_is_found_within_a_tenth(limit: float) -> None:
    """A rate that held, and no more than a tenth below the truth."""
    found = find_ceiling(lambda rate: health(rate) if rate <= limit else None)
    assert found is not None
    assert limit / 1.1 <= found[0] <= limit


def test_a_generator_that_holds_nothing_has_no_ceiling() -> None:
    assert find_ceiling(lambda _: None) is None


def test_the_search_ends_where_everything_holds() -> None:
    asked: list[float] = []
    found = find_ceiling(lambda rate: (asked.append(rate), health(rate))[1])
    assert found is not None
    assert len(asked) < 15


def test_ceilings_are_kept_by_machine_and_driver(tmp_path: Path) -> None:
    """A later measurement of a driver takes the place of an earlier one; those of another machine stay apart."""
    path = tmp_path / "reports" / "generator.json"
    assert read_ceilings(HERE, path=path) == {}
    keep_ceilings([HTTP], HERE, path=path)
    null = Ceiling("null", 200_000.0, 100_000, HTTP.measured_at)
    faster = Ceiling("http", 30_000.0, 100_000, HTTP.measured_at)
    keep_ceilings([null, faster], HERE, path=path)
    keep_ceilings([HTTP], THERE, path=path)
    assert read_ceilings(HERE, path=path) == {"http": faster, "null": null}
    assert read_ceilings(THERE, path=path) == {"http": HTTP}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"machines": 5}', '{"format": "loadtests.generator/9"}'])
def test_a_file_that_is_none_of_ours_is_a_clear_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "generator.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"generator\.json"):
        read_ceilings(HERE, path=path)


@pytest.mark.parametrize(
    ("sentence", "load", "processes", "said"),
    [
        ("seven tenths are fine", {"rate": "14000/s", "duration": "5s"}, 1, None),
        ("more is not", {"rate": "14001/s", "duration": "5s"}, 1, "share it out with --processes 2"),
        ("two processes can offer twice that", {"rate": "28000/s", "duration": "5s"}, 2, None),
        (
            "the peak of the stages counts",
            {"stages": [{"rate": "50000/s", "over": "5s"}, {"rate": "1/s", "for": "5s"}]},
            2,
            "--processes 4",
        ),
        (
            "users who pause ask for a known rate",
            {"users": 30000, "duration": "5s", "pacing": "1s"},
            1,
            "--processes 3",
        ),
        ("users who do not pause ask for what they get", {"users": 5, "duration": "5s"}, 1, None),
    ],
)
def test_a_plan_that_asks_for_too_much_is_told(sentence: str, load: dict, processes: int, said: str | None) -> None:
    operation = {"name": "a", "request": "GET /"}
    scenario = {"driver": "http", "load": load, "operations": [operation]}
    document = {"version": 1, "target": {"http": "http://127.0.0.1:1"}, "scenarios": {"api": scenario}}
    plan = plan_from_document(document, source="p.yaml", environ={})
    found = list(advice(plan, {"http": HTTP}, processes=processes))
    assert (said in found[0]) if said else not found
    assert not list(advice(plan, {"null": HTTP}, processes=processes))


@pytest.mark.parametrize(
    ("sentence", "arguments", "said"),
    [
        ("neither", [], "expected a scenario, or --generator"),
        ("both", ["api", "--generator"], "and not both"),
        ("a driver that is none", ["--generator", "--driver", "htpp"], "did you mean http?"),
        ("locustfiles have a generator of their own", ["--generator", "--driver", "locust"], "no driver locust"),
    ],
)
def test_what_calibrate_cannot_do_is_said(sentence: str, arguments: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        command.main(arguments, standalone_mode=False)


def test_a_ceiling_is_measured_kept_and_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The search itself is stood in for; what is kept is what is read for the warnings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ceiling, "measure_ceiling", lambda driver, told: HTTP)
    shown = CliRunner().invoke(command, ["--generator", "--driver", "http"], catch_exceptions=False).output
    assert "http: 20,000/s a process, start lag p99 900 µs" in shown
    assert read_ceilings(capture(), path=tmp_path / "reports" / "generator.json") == {"http": HTTP}


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_a_driver_is_measured_with_is_a_plan(driver: str) -> None:
    """At any rate, with something in it that can fail."""
    target = {"http": "http://127.0.0.1:1", "websocket": "ws://127.0.0.1:1/", "database": "postgresql://127.0.0.1/a"}
    plan = plan_from_document(plan_document(driver, target, 12345.6), source="p.yaml", environ={})
    assert plan.scenarios[driver].driver == driver
    assert plan.scenarios[driver].thresholds
