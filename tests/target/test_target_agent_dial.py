"""The dial of agents keeps its shares exactly, and says what it was asked, without a socket or a clock."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.target.agents.dial import AgentDial
from loadtests.target.agents.faults import FATES, AgentFaults, parse_agent_faults
from loadtests.target.dial import Dial
from loadtests.target.faults import parse_faults
from loadtests.target.share import parse_share

MS = 1_000_000


def dial_of(text: str) -> AgentDial:
    dial = AgentDial()
    dial.turn(parse_agent_faults(text))
    return dial


@pytest.mark.parametrize("fate", FATES)
def test_every_kth_execution_has_its_fault(fate: str) -> None:
    """`every 5` is the fifth, the tenth and so on, and no other."""
    dial = dial_of(f"{fate} every 5")
    fates = [dial.fate() for _ in range(17)]
    assert fates == [fate if place % 5 == 4 else None for place in range(17)]


@given(st.lists(st.integers(0, 12), min_size=8, max_size=8))
def test_all_shares_are_exact_together(percents: list[int]) -> None:
    """Over the period of all shares each takes its part, and no execution has two."""
    dial = dial_of("; ".join(f"{fate} {percent}%" for fate, percent in zip(FATES, percents, strict=True)))
    counted = Counter(dial.fate() for _ in range(1_000))
    for fate, percent in zip(FATES, percents, strict=True):
        assert abs(counted[fate] - 10 * percent) <= len(FATES)
    assert sum(counted.values()) == 1_000


def test_six_percent_hang_next_to_others_is_six_percent() -> None:
    """The first of the shares in order has exactly its part of any hundred."""
    dial = dial_of("hang 6%; wrong every 50; mixup 1%")
    counted = [Counter(dial.fate() for _ in range(100)) for _ in range(20)]
    assert {counter["hang"] for counter in counted} == {6}
    assert sum(counter["wrong"] for counter in counted) == 40
    assert sum(counter["mixup"] for counter in counted) == 20


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        pytest.param({"hang": "60%", "cut": "50%"}, "expected at most 100% together", id="too much"),
        pytest.param({"sing": "1%"}, "'sing': expected one of first, token", id="no such name"),
        pytest.param({"hang": 5}, "hang: expected text such as 2% or every 50", id="a number for a share"),
        pytest.param({"hang": "every 0"}, "hang: expected", id="every no-th"),
        pytest.param({"first": "fast"}, "first: expected", id="no law"),
        pytest.param({"tokens": "0"}, "tokens: expected a whole number from 1 to 100,000", id="no tokens"),
        pytest.param({"limit": "0"}, "limit: expected a time longer than nothing", id="no time"),
        pytest.param({"backlog": "5"}, "backlog: expected a backlog such as 200 of 2s", id="a backlog of no time"),
        pytest.param({"provider": "2% 200"}, "provider: expected", id="a fault that is none"),
        pytest.param("hang 1%; hang 2%", "expected each name once, hang is there twice", id="twice"),
        pytest.param("", "expected names with settings such as hang 6%", id="nothing"),
        pytest.param(7, 'expected an object such as {"hang": "6%"}', id="neither object nor text"),
    ],
)
def test_wrong_setting_is_a_sentence(setting: object, sentence: str) -> None:
    """What was got and what was expected."""
    with pytest.raises(ValueError) as mistake:
        parse_agent_faults(setting)
    assert sentence in str(mistake.value)


def test_setting_can_be_put_back_as_it_is_shown() -> None:
    """Every name, as text and as an object."""
    text = (
        "first exp 200ms; token 15ms, 400ms 1%; phase 5ms; tokens 9; limit 3s; html 1%; provider every 50 500; "
        "hang 6%; endless 1%; cut 1%; malformed 1%; wrong every 50; mixup 1%; pause 5s; backlog 20 of 2s"
    )
    setting = parse_agent_faults(text)
    document = setting.document()
    assert None not in document.values()
    assert parse_agent_faults(document) == setting
    assert setting.provider is not None
    assert (setting.provider.status, setting.provider.share) == (500, parse_share("every 50"))


def test_dial_of_the_target_has_the_agents_part() -> None:
    """Shown, counted, and counted anew when it is turned."""
    dial = Dial(parse_faults({"agents": "hang every 2"}))
    assert [dial.agents.fate() for _ in range(3)] == [None, "hang", None]
    document = dial.document()
    assert document["agents"]["hang"] == "every 2"
    assert document["counted"]["agents"]["executions"] == 3
    dial.turn(parse_faults({}))
    assert dial.document()["agents"] is None
    assert dial.agents.document()["executions"] == 0


def test_executions_share_a_law_exactly() -> None:
    """1% of gaps in 400 ms is 1% of the gaps of all executions together, not of each."""
    dial = dial_of("token 1ms, 400ms 1%; tokens 25")
    gaps = []
    for _ in range(40):
        provider = dial.decide("simple", dial.fate()).provider
        gaps += [provider.gap_ns(place) for place in range(25)]
    assert abs(gaps.count(400 * MS) - 10) <= 1


def test_phases_follow_their_law() -> None:
    """Three phases an execution; half of all are long."""
    dial = dial_of("phase 1ms, 3ms 50%")
    phases = [phase for _ in range(20) for phase in dial.decide("complex", dial.fate()).phases_ns]
    assert abs(phases.count(3 * MS) - 30) <= 1


def test_what_makes_every_execution_slow() -> None:
    """Times and provider faults do; wrong answers do not."""
    assert AgentFaults().slow is False
    assert parse_agent_faults("wrong 1%; mixup 1%; cut 1%; html 1%; pause 1s; limit 5s").slow is False
    for slow in ("first 1ms", "token 1ms", "phase 1ms", "tokens 5", "provider 1%", "hang 1%", "endless 1%"):
        assert parse_agent_faults(slow).slow
