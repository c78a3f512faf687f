"""The dial of sockets keeps its shares exactly, together, without a socket or a clock."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.target.dial import Dial
from loadtests.target.faults import parse_faults
from loadtests.target.share import Share, Split, parse_share
from loadtests.target.sockets.dial import SocketDial, Treatment
from loadtests.target.sockets.faults import SocketFaults, parse_socket_faults


def treatments(faults: SocketFaults, count: int) -> list[Treatment]:
    dial = SocketDial(faults)
    return [dial.decide().treatment for _ in range(count)]


@given(percents=st.lists(st.integers(0, 50), min_size=1, max_size=4), start=st.integers(0, 10**9))
def test_shares_split_what_there_is_exactly(percents: list[int], start: int) -> None:
    """Each share of whole percents takes exactly its part of any 100 things in a row; never two the same thing."""
    while sum(percents) > 100:
        percents.pop()
    split = Split([parse_share(f"{percent}%") for percent in percents])
    takers = [split.taker(index) for index in range(start, start + 100)]
    assert [takers.count(position) for position in range(len(percents))][:2] == percents[:2]
    assert abs(sum(taker is not None for taker in takers) - sum(percents)) <= len(percents)


def test_three_shares_are_exact_together_over_their_period() -> None:
    """1% lost, 2% duplicated and 5% reordered: 10, 20 and 50 of 1,000 in total, and of every 1,000 after."""
    seen = treatments(parse_socket_faults("lose 1%; duplicate 2%; reorder 5%"), 9_900)
    counted = {treatment: seen.count(treatment) for treatment in Treatment}
    assert counted[Treatment.LOSE] == 99
    assert counted[Treatment.DUPLICATE] == 198
    assert counted[Treatment.REORDER] == 495


def test_dropped_connections_are_exactly_the_share() -> None:
    """1.5% of 1,000 connections is 15, wherever one starts to count a multiple of 200."""
    dial = SocketDial(parse_socket_faults({"drop": "1.5%", "silent": "1%"}))
    ends = [dial.end() for _ in range(2_000)]
    faults = dial.faults
    assert faults is not None
    for start in range(0, 2_000, 200):
        assert ends[start : start + 200].count(faults.drop) == 3
        assert ends[start : start + 200].count(faults.silent) == 2


def test_split_refuses_more_than_everything() -> None:
    """Shares of one whole."""
    with pytest.raises(ValueError, match="at most 100% together"):
        Split([Share(3, 5, "60%"), Share(1, 2, "50%")])


@given(hits=st.integers(1, 60), of=st.just(60))
def test_alone_in_a_split_a_share_takes_what_it_takes_alone(hits: int, of: int) -> None:
    """The arithmetic of one share and of several is one."""
    share = Share(hits, of, str(Fraction(hits, of)))
    split = Split([share])
    assert [split.taker(index) == 0 for index in range(200)] == [share.takes(index) for index in range(200)]


def test_reorder_that_finds_its_connection_busy_is_owed_to_another() -> None:
    """A connection holds one answer; the second drawn there is paid back by the next answer that can be held."""
    dial = SocketDial(parse_socket_faults("reorder 10%"))
    assert dial.reorders(Treatment.REORDER, busy=None)
    assert not dial.reorders(Treatment.REORDER, busy="an answer")
    assert not dial.reorders(Treatment.REORDER, busy="an answer")
    assert not dial.reorders(Treatment.DUPLICATE, busy=None)
    assert dial.reorders(Treatment.PASS, busy=None)
    assert dial.reorders(Treatment.PASS, busy=None)
    assert not dial.reorders(Treatment.PASS, busy=None)


@pytest.mark.parametrize(
    ("text", "after_ns", "code"),
    [
        pytest.param("1.5%", 0, 1011, id="at once, closed as an internal error"),
        pytest.param("1.5% after 30s", 30 * 10**9, 1011, id="later"),
        pytest.param("1.5% after 30s 1001", 30 * 10**9, 1001, id="later, with another code"),
        pytest.param("1.5% 4000", 0, 4000, id="with a private code"),
        pytest.param("1.5% after 500ms reset", 500 * 10**6, None, id="reset instead of closed"),
    ],
)
def test_drop_reads_share_time_and_way(text: str, after_ns: int, code: int | None) -> None:
    """The grammar of a drop."""
    drop = parse_socket_faults({"drop": text}).drop
    assert drop is not None
    assert (drop.share.text, drop.after_ns, drop.code) == ("1.5%", after_ns, code)


def test_one_text_reads_as_the_object_does() -> None:
    """The command line's form and the endpoint's; what is shown can be put back."""
    one = parse_socket_faults("drop 1.5% after 30s 1011; silent 1% after 10s; refuse 2%; delay 5ms, 100ms 2%; lose 1%")
    written = {
        "drop": "1.5% after 30s 1011",
        "silent": "1% after 10s",
        "refuse": "2%",
        "delay": "5ms, 100ms 2%",
        "lose": "1%",
    }
    assert one == parse_socket_faults(written)
    assert parse_socket_faults(one.document()) == one


@pytest.mark.parametrize(
    ("dialled", "sentence"),
    [
        pytest.param({"lost": "1%"}, "'lost': expected one of drop, silent, refuse", id="unknown name"),
        pytest.param("lose 1%; lose 2%", "lose is there twice", id="a name twice"),
        pytest.param("", "expected names with settings", id="empty text"),
        pytest.param(5, "expected an object such as", id="a number"),
        pytest.param({"drop": "1% after"}, "drop: expected a drop such as", id="a time is missing"),
        pytest.param({"drop": "1% 1006"}, "drop: expected a close code that may be sent", id="a code never sent"),
        pytest.param({"silent": "1% 1011"}, "silent: expected a share", id="silence has no code"),
        pytest.param({"lose": 1}, "lose: expected text such as 1%", id="a number for a share"),
        pytest.param({"drop": "60%", "silent": "50%"}, "drop and silent: expected at most 100%", id="too many ends"),
        pytest.param("lose 60%; reorder 50%", "lose, duplicate and reorder: expected at most", id="too many answers"),
        pytest.param({"lose": "x", "delay": "y"}, "; ", id="all mistakes at once"),
    ],
)
def test_wrong_setting_is_a_sentence(dialled: object, sentence: str) -> None:
    """What was expected, by name, and that it is about sockets."""
    with pytest.raises(ValueError) as caught:
        parse_faults({"sockets": dialled})
    assert str(caught.value).startswith("sockets: ")
    assert sentence in str(caught.value)


def test_turning_the_dial_starts_the_counts_anew() -> None:
    """The 50th upgrade is refused, and again the 50th after a turn."""
    dial = Dial(parse_faults({"sockets": "refuse 2%"}))
    assert not any(dial.sockets.refuses() for _ in range(30))
    dial.turn(parse_faults({"sockets": "refuse 2%"}))
    assert [index for index in range(100) if dial.sockets.refuses()] == [49, 99]
    dial.turn(parse_faults({}))
    assert not any(dial.sockets.refuses() for _ in range(100))
    assert dial.document()["sockets"] is None
