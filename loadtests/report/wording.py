"""How a report says things: figures with digits enough to be true, signs that need no colour, text safe to show.

A figure is never rounded across its limit: 1,999.9 ms under a limit of 2 s reads `1.9999 s`, not `2 s`.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from loadtests.judge.verdict import Outcome
from loadtests.judge.wording import amount

__all__ = [
    "ABSENT",
    "NOT_MEASURED",
    "UNITS",
    "Figure",
    "Sign",
    "count",
    "figure",
    "masked",
    "moment",
    "plain",
    "sign",
    "values_of",
    "visible",
]

ABSENT = "–"
UNITS = {"ns": "ms", "ratio": "ratio", "per_s": "per_s", "bytes": "bytes", "count": "count"}
"""The unit in which report.json prints a value of each base unit."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number twice: `text` for people, `value` for programs (ms, share, per second, bytes, a count, or none)."""

    value: float | int | None
    text: str


@dataclass(frozen=True, slots=True)
class Sign:
    """An outcome as a key for programs and style sheets, a symbol, and a word; symbol and word stand in for colour."""

    key: str
    symbol: str
    word: str

    def __str__(self) -> str:
        return f"{self.symbol} {self.word}"


_SIGNS = {
    Outcome.PASS: Sign("pass", "✔", "PASS"),
    Outcome.FAIL: Sign("fail", "✘", "FAIL"),
    Outcome.INCONCLUSIVE: Sign("inconclusive", "?", "INCONCLUSIVE"),
    Outcome.INVALID: Sign("invalid", "!", "INVALID"),
}
NOT_MEASURED = Sign("not_measured", "–", "NOT MEASURED")


def sign(outcome: Outcome) -> Sign:
    """The sign of an outcome."""
    return _SIGNS[outcome]


def count(number: int | None) -> Figure:
    """A number of things, with thousands set apart."""
    return Figure(number, ABSENT if number is None else f"{number:,}")


def figure(value: float | None, unit: str, *, limit: float | None = None) -> Figure:
    """A value in a base unit (ns, ratio, per_s, bytes) or a plain number, worded to stay on its side of `limit`.

    Three significant digits, or as many as that needs. What is not a finite number is absent.
    """
    if value is None or not math.isfinite(value):
        return Figure(None, ABSENT)
    scaled = value / 1e6 if unit == "ns" else value
    return Figure(scaled, _number(value) if unit == "number" else amount(value, unit, beside=limit))


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def values_of(figures: Mapping[str, Figure]) -> dict[str, float | int | None]:
    """The figures for programs, by name."""
    return {name: found.value for name, found in figures.items()}


def moment(iso: str) -> str:
    """An ISO 8601 moment as `2030-01-02T03:04:05` in UTC, the one form every JUnit reader takes."""
    return datetime.fromisoformat(iso).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


_SURROGATE = re.compile("[\ud800-\udfff\ufffe\uffff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_INVISIBLE = re.compile(r"[\x80-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def plain(text: str) -> str:
    """The text with what no encoding can carry (lone surrogates, non-characters) replaced by U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def visible(text: str) -> str:
    """The text on one line with nothing hidden.

    Control characters become their pictures (␀ ␊ ␛), other invisible ones U+FFFD. So what came back
    from a target or was written in a plan can neither break a table nor drive a terminal.
    """
    pictured = _CONTROL.sub(lambda found: "␡" if found[0] == "\x7f" else chr(0x2400 + ord(found[0])), plain(text))
    return _INVISIBLE.sub("\ufffd", pictured)


def masked(text: str, secrets: tuple[str, ...]) -> str:
    """The text with every secret replaced; the longest first, so that one inside another leaves nothing behind."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
