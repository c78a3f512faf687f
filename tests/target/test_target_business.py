"""Users, tiers, threads, tokens and savings follow from a user's number alone."""

import csv
import io
from collections import Counter

import pytest

from loadtests.target.agents.answers import write_answers
from loadtests.target.savings import savings_of
from loadtests.target.users import LAST_USER, Tokens, parse_user, thread_of, threads_of, tier_of


@pytest.mark.parametrize("written", [42, "42", "user_42"], ids=["number", "digits", "prefixed"])
def test_user_is_read_in_every_spelling(written: object) -> None:
    """42, "42" and "user_42" are the same user."""
    assert parse_user(written) == 42


@pytest.mark.parametrize(
    "written", [0, 10_001, -1, "0", "10001", "bob", "", "user_", "4 2", "٤٢", True, None, 4.2, [42]], ids=repr
)
def test_unknown_user_is_a_sentence(written: object) -> None:
    """Numbers outside 1 to 10000 and everything that is no user says what was expected."""
    with pytest.raises(ValueError, match="expected a user from 1 to 10000, such as 42 or user_42"):
        parse_user(written)


def test_tiers_have_their_shares() -> None:
    """Half are free, 30% early, 15% mid, 5% enterprise, exactly."""
    counts = Counter(tier_of(user) for user in range(1, LAST_USER + 1))
    assert counts == {"free": 5000, "early": 3000, "mid": 1500, "enterprise": 500}


def test_threads_belong_to_one_user() -> None:
    """Every thread is found by its owner and by nobody else."""
    mine = threads_of(7)
    assert len(mine) == 10
    assert [thread_of(7, thread.id) for thread in mine] == list(mine)
    assert [thread_of(8, thread.id) for thread in mine] == [None] * len(mine)


@pytest.mark.parametrize("thread_id", ["thread_7_0", "thread_7_11", "thread_07_1", "thread_7", "", "x"])
def test_thread_that_is_not_there_is_none(thread_id: str) -> None:
    """Out of range, spelled otherwise or nonsense."""
    assert thread_of(7, thread_id) is None


def test_token_names_its_user_and_cannot_be_forged() -> None:
    """A token of another key, for another user, or bent, names nobody."""
    tokens = Tokens(b"k" * 32)
    token = tokens.issue(42)
    assert tokens.user(token) == 42
    assert tokens.user(token.replace("42.", "43.")) is None
    assert Tokens(b"j" * 32).user(token) is None
    assert [tokens.user(bent) for bent in ("", "42", "42.", "x.y", "²." + token[3:], "42.é", f"{'9' * 99}.x")] == [
        None
    ] * 7


@pytest.mark.parametrize(
    ("user", "query", "cents"),
    [
        pytest.param(100, "reduce cost", 600, id="free: 5,000 × 1.00 × 12%"),
        pytest.param(42, "Cut my BILL", 852, id="free: 5,000 × 1.42 × 12%, words in any case"),
        pytest.param(60, "why so slow", 330, id="free: 5,000 × 1.10 × 6%"),
        pytest.param(110, "hello", 1_650, id="early: 50,000 × 1.10 × 3%"),
        pytest.param(1, "hello", 152, id="free: 5,050 × 3% is 151.5, rounded half up"),
        pytest.param(99, "fast and save", 894_000, id="enterprise, cost before latency"),
        pytest.param(57, "hello", 16_050, id="mid: 500,000 × 1.07 × 3%"),
    ],
)
def test_savings_follow_the_formula(user: int, query: str, cents: int) -> None:
    """Worked by hand from the formula in the module's head."""
    assert savings_of(user, query).cents == cents


def test_answers_are_those_of_the_formula_for_every_user() -> None:
    """One row a user; the three kinds of question take turns."""
    sink = io.StringIO()
    write_answers(sink)
    rows = list(csv.DictReader(io.StringIO(sink.getvalue())))
    assert [int(row["user_id"]) for row in rows] == list(range(1, LAST_USER + 1))
    for row in rows:
        right = savings_of(int(row["user_id"]), row["query"])
        assert (row["savings"], row["tier"]) == (str(right.cents / 100), right.tier)
        assert row["optimization"] == right.optimization
    assert len({row["optimization"] for row in rows}) == 3
