"""Figures are worded with enough digits to be true; text is shown with nothing hidden."""

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.judge.verdict import Outcome
from loadtests.report.wording import ABSENT, count, figure, masked, moment, sign, visible
from loadtests.units import parse_duration_ns, parse_size

MS = 1_000_000


@pytest.mark.parametrize(
    ("value", "unit", "limit", "text"),
    [
        pytest.param(31.4e6, "ns", None, "31.4 ms", id="three significant digits"),
        pytest.param(999.9996e6, "ns", None, "1 s", id="the unit is chosen after rounding"),
        pytest.param(1999.96e6, "ns", 2000e6, "1.99996 s", id="below its limit a time never reads as the limit"),
        pytest.param(2000.04e6, "ns", 2000e6, "2.00004 s", id="above its limit a time never reads as the limit"),
        pytest.param(2000e6, "ns", 2000e6, "2 s", id="exactly on the limit it reads as the limit"),
        pytest.param(0.99999, "ratio", None, "99.999%", id="nearly all is not 100%"),
        pytest.param(0.000001, "ratio", None, "0.0001%", id="nearly nothing is not 0%"),
        pytest.param(1.0, "ratio", None, "100%", id="all is 100%"),
        pytest.param(0.0, "ratio", None, "0%", id="nothing is 0%"),
        pytest.param(0.0100001, "ratio", 0.01, "1.00001%", id="a share over its limit says so"),
        pytest.param(989.96, "per_s", 990.0, "989.96/s", id="a rate below its floor does not reach it by rounding"),
        pytest.param(1000.0, "per_s", 990.0, "1,000/s", id="a rate away from its limit stays short"),
        pytest.param(1_999_999_999, "bytes", 2e9, "1.999999999 GB", id="a size one byte below its limit"),
        pytest.param(
            151.5e9, "ns", 151.6e9, "2 min 31.5 s", id="minutes keep a part of a second when the limit asks for it"
        ),
        pytest.param(0.0, "ns", None, "0 s", id="no time at all"),
        pytest.param(None, "ns", None, ABSENT, id="absent is a dash"),
        pytest.param(math.nan, "ns", None, ABSENT, id="not a number is absent"),
        pytest.param(math.inf, "per_s", None, ABSENT, id="infinity is absent"),
    ],
)
def test_a_figure_is_worded_so_that_it_stays_true(value, unit, limit, text):
    assert figure(value, unit, limit=limit).text == text


_READ = {
    "ns": lambda text: parse_duration_ns(text.replace(" ", "").replace(",", "").replace("min", "m")),
    "ratio": lambda text: float(text.removesuffix("%")) / 100,
    "per_s": lambda text: float(text.removesuffix("/s").replace(",", "")),
    "bytes": lambda text: parse_size(text.replace(",", "")),
}
_LIMITS = {
    "ns": st.sampled_from([5 * MS, 200 * MS, 1000 * MS, 2000 * MS, 30_000 * MS, 200_000 * MS]),
    "ratio": st.sampled_from([0.001, 0.01, 0.05, 0.5, 0.99, 0.999]),
    "per_s": st.sampled_from([1.0, 50.0, 99.0, 990.0, 5000.0]),
    "bytes": st.sampled_from([10**6, 2 * 10**9]),
}


@pytest.mark.parametrize("unit", _LIMITS)
@given(data=st.data(), apart=st.floats(-0.02, 0.02).filter(lambda one: abs(one) > 1e-9))
def test_a_figure_never_crosses_its_limit_by_rounding(unit, data, apart):
    """However close a value is, its text lies strictly on the side of the limit on which the value is."""
    limit = data.draw(_LIMITS[unit])
    value = limit * (1 + apart)
    value = round(value) if unit in ("ns", "bytes") else min(value, 1.0) if unit == "ratio" else value
    shown = _READ[unit](figure(value, unit, limit=limit).text)
    assert (shown > limit) == (value > limit)
    assert (shown < limit) == (value < limit)


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_only_exact_shares_read_as_none_or_all(share):
    """Any share strictly between 0 and 1 is worded as neither 0% nor 100%."""
    assert figure(share, "ratio").text not in ("0%", "100%")


def test_times_become_milliseconds_for_programs():
    """The value of a figure is in the unit of report.json, unrounded."""
    assert figure(1_234_567, "ns").value == 1.234567


def test_counts_set_thousands_apart():
    """A count is exact, whatever its size."""
    assert (count(1_234_567).text, count(0).text, count(None).text) == ("1,234,567", "0", ABSENT)


@given(st.text())
def test_shown_text_has_nothing_hidden(text):
    """No control character, no line break and no lone surrogate is left, and nothing is dropped."""
    shown = visible(text)
    assert len(shown) == len(text)
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cs", "Zl", "Zp"}
    shown.encode()


def test_a_terminal_escape_is_shown_as_a_picture():
    """An escape sequence in a name reaches neither the terminal nor the page as one."""
    assert visible("\x1b[31mred\n") == "␛[31mred␊"


def test_a_secret_inside_another_leaves_nothing_behind():
    """The longer secret is replaced first."""
    assert masked("token=abcdef abc", ("abc", "abcdef", "")) == "token=*** ***"


def test_a_moment_is_in_utc_whatever_zone_it_was_written_in():
    """JUnit readers take no zone and no fraction."""
    assert moment("2030-01-02T03:04:05.678+02:00") == moment("2030-01-02T01:04:05Z") == "2030-01-02T01:04:05"


def test_every_outcome_has_its_own_word_and_symbol():
    """Colour is never the only sign."""
    signs = [sign(outcome) for outcome in Outcome]
    assert len({one.word for one in signs}) == len({one.symbol for one in signs}) == len(list(Outcome))
