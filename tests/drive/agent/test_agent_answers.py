"""What agents answered: right, somebody else's, good within all limits."""

from typing import Any

import pytest
from agent_bench import (
    DONE,
    END,
    asking,
    completed,
    delta,
    document,
    event,
    outcome,
    streaming,
    talk,
    token,
)
from http_scripted import MS, Run, S, answering

from loadtests.plan.protocol.agent import Expected, Limits
from loadtests.plan.protocol.http import Check
from loadtests.result.window import CHECKED, GOOD, IDENTIFIED, MIXED_UP, RIGHT


@pytest.mark.parametrize(
    ("sentence", "expected", "savings", "right"),
    [
        ("a number within the tolerance", Expected("{{user}}.25", "savings", 0.005), 7.255, True),
        ("a number beyond it", Expected("{{user}}.25", "savings", 0.005), 7.256, False),
        ("a number that is text", Expected(7.25, "savings", 0.0), "7.25", True),
        ("true is no number", Expected(1, "savings", 0.5), True, False),
        ("exactly", Expected({"usd": 7}, "savings"), {"usd": 7}, True),
        ("not exactly", Expected({"usd": 7}, "savings"), {"usd": 7.5}, False),
        ("a variable is text, so a number meets it", Expected("{{user}}", "savings"), 7, True),
        ("missing", Expected(7, "sums.total"), 7, False),
    ],
)
def test_answers_are_compared_with_the_right_one(
    run: Run, sentence: str, expected: Expected, savings: Any, right: bool
) -> None:
    """Every completed answer is checked; a wrong one is a failed execution of its own kind, in time or not."""

    async def test() -> None:
        found, _ = await outcome(
            streaming(token(), completed(savings=savings)), talk("stream", asking(expected=expected))
        )
        tally = found.tallies["ask"]
        assert (tally.count(CHECKED), tally.count(RIGHT)) == (1, int(right))
        assert tally.failures == ({} if right else {"wrong": 1})

    run(test)


def test_the_text_of_a_stream_can_be_the_answer(run: Run) -> None:
    """Without a path the tokens together are compared, space around them aside."""

    async def test() -> None:
        plan = talk("stream", asking(expected=Expected("saves {{user}}"), user=None))
        found, _ = await outcome(streaming(token(" saves"), token(" 7"), completed()), plan, times=2)
        tally = found.tallies["ask"]
        assert (tally.count(CHECKED), tally.count(RIGHT)) == (2, 1)
        assert '"saves 7", expected "saves 8"' in found.sample()

    run(test)


@pytest.mark.parametrize(
    ("sentence", "script", "api"),
    [
        ("in the result", streaming(token(), completed("8")), "stream"),
        ("where it started", streaming(event("started", {"user_id": 8}), token(), completed("7")), "stream"),
        ("in one answer", answering(document("200 OK", {"status": "completed", "user_id": "user_8"})), "answer"),
        ("in one chunk of many", streaming(delta("a", user_id="7"), delta("b", user_id="8"), DONE), "openai"),
    ],
)
def test_an_answer_of_somebody_else_is_mixed_up(run: Run, sentence: str, script: Any, api: Any) -> None:
    """Whatever else is right about it, it is counted and failed as such."""

    async def test() -> None:
        found, _ = await outcome(script, talk(api))
        tally = found.tallies["ask"]
        assert (tally.count(IDENTIFIED), tally.count(MIXED_UP)) == (1, 1)
        assert tally.failures == {"mixed_up": 1}
        assert "asked as 7, answered as" in found.sample()

    run(test)


def test_an_answer_that_says_nothing_of_its_owner_is_not_counted(run: Run) -> None:
    """Nothing was compared, so it is neither right nor mixed up; a nested place is found by its path."""

    async def test() -> None:
        found, _ = await outcome(streaming(token(), event("completed", {"status": "completed"}) + END), talk())
        assert (found.ok("ask"), found.tallies["ask"].count(IDENTIFIED)) == (1, 0)
        nested = streaming(token(), event("completed", {"owner": {"id": "8"}}) + END)
        found, _ = await outcome(nested, talk(identity="owner.id"))
        assert found.failures("ask") == {"mixed_up": 1}

    run(test)


@pytest.mark.parametrize(
    ("sentence", "limits", "good"),
    [
        ("all of them", Limits(S, 900 * MS, 900 * MS), 1),
        ("too long on the whole", Limits(total_ns=10 * MS), 0),
        ("first token too late", Limits(ttft_ns=10 * MS), 0),
        ("one gap too long", Limits(gap_ns=10 * MS), 0),
        ("no limits: good is good", Limits(), 1),
    ],
)
def test_goodput_counts_executions_within_all_their_limits(run: Run, sentence: str, limits: Limits, good: int) -> None:
    """They are ok either way."""

    async def test() -> None:
        found, _ = await outcome(
            streaming(0.02, token(), 0.02, token(), completed()), talk("stream", asking(limits=limits))
        )
        assert (found.ok("ask"), found.tallies["ask"].count(GOOD)) == (1, good)

    run(test)


def test_a_check_holds_the_result_to_account(run: Run) -> None:
    """A right answer from the right user may still fail it."""

    async def test() -> None:
        operation = asking(check=Check(json={"status": "completed", "for": "{{user}}"}))
        found, _ = await outcome(streaming(token(), completed()), talk("stream", operation))
        assert found.failures("ask") == {"check": 1}
        assert "json for is missing" in found.sample()

    run(test)
