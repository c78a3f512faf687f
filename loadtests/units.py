"""The one parser, and the one printer, of quantities with units: 250ms, 50/s, 2GB, 99.5%.

Durations are integer nanoseconds, rates are per second, sizes are bytes, ratios are 0..1.
Every parser raises `ValueError` with a sentence that says what was expected.
"""

import math
import re
from decimal import Decimal

__all__ = [
    "format_bytes",
    "format_duration",
    "format_number",
    "format_rate",
    "format_ratio",
    "parse_duration_ns",
    "parse_number",
    "parse_rate",
    "parse_ratio",
    "parse_size",
]

_DURATION_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_SIZE = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
_PER_SECOND = {"s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = r"(\d+(?:\.\d+)?)"
_DURATION_PART = re.compile(_NUMBER + r"\s*(ns|us|µs|ms|s|m|h)")
_SIZE_TEXT = re.compile(_NUMBER + r"\s*(B|kB|KB|MB|GB|TB|KiB|MiB|GiB)")
_RATE_TEXT = re.compile(_NUMBER + r"\s*/\s*(s|m|h)")
_PLAIN_TEXT = re.compile(_NUMBER)
_RATIO_TEXT = re.compile(_NUMBER + r"\s*(%?)")


def parse_duration_ns(text: str) -> int:
    """Nanoseconds of `250ms`, `1.5s`, `2m30s`; a bare `0` is allowed, other bare numbers are not."""
    stripped = text.strip()
    if stripped == "0":
        return 0
    position, total = 0, 0.0
    while position < len(stripped):
        part = _DURATION_PART.match(stripped, position)
        if part is None:
            raise ValueError("expected a duration such as 250ms, 1.5s, 5m or 2m30s")
        total += float(part[1]) * _DURATION_NS[part[2]]
        position = part.end()
    if not stripped:
        raise ValueError("expected a duration such as 250ms, 1.5s, 5m or 2m30s")
    return round(total)


def parse_rate(text: str) -> float:
    """Events per second of `1000/s`, `90/m`, `3600/h`."""
    found = _RATE_TEXT.fullmatch(text.strip())
    if found is None:
        raise ValueError("expected a rate such as 1000/s or 90/m")
    return float(found[1]) / _PER_SECOND[found[2]]


def parse_number(text: str) -> float:
    """A plain number of things, such as `10` or `2.5`."""
    found = _PLAIN_TEXT.fullmatch(text.strip())
    if found is None:
        raise ValueError("expected a number such as 10 or 2.5")
    return float(found[1])


def parse_size(text: str) -> int:
    """Bytes of `512B`, `64kB`, `2GB` (decimal) or `64KiB` (binary)."""
    found = _SIZE_TEXT.fullmatch(text.strip())
    if found is None:
        raise ValueError("expected a size such as 512B, 64kB, 2GB or 64KiB")
    return round(float(found[1]) * _SIZE[found[2]])


def parse_ratio(text: str) -> float:
    """A share in 0..1 of `99.5%` or `0.995`; decimal, because 99.9 / 100 in floats is a little more than 0.999."""
    found = _RATIO_TEXT.fullmatch(text.strip())
    value = math.inf if found is None else float(Decimal(found[1]) / (100 if found[2] else 1))
    if value > 1.0:
        raise ValueError("expected a share such as 1% or 0.01, between 0 and 100%")
    return value


def format_duration(ns: float, *, digits: int = 3) -> str:
    """Significant digits in the largest fitting unit: 850 µs, 5.02 ms, 1.25 s, 5 min, 2 h 5 min."""
    if ns >= 120 * 10**9:
        return _hours(ns / 10**9, decimals=max(0, digits - 3))
    for unit, scale in (("s", 10**9), ("ms", 10**6), ("µs", 10**3)):
        if _rounded(ns, digits) >= scale:
            return f"{_significant(ns / scale, digits)} {unit}"
    return "0 s" if ns == 0 else f"{_significant(ns, digits)} ns"


def format_rate(per_second: float, *, digits: int = 3) -> str:
    """A rate as `1,000/s`, with decimals only where they carry information."""
    return f"{format_number(per_second, digits=digits)}/s"


def format_number(value: float, *, digits: int = 3) -> str:
    """A plain number: 12, 2.5, 1,024."""
    if value >= 100 or value == int(value):
        return _trimmed(f"{value:,.{max(0, digits - 3)}f}")
    return f"{value:.{digits}g}"


def format_ratio(ratio: float, *, digits: int = 3) -> str:
    """A share as a percentage; never `100%` or `0%` unless it is exactly that."""
    if ratio in (0.0, 1.0):
        return "100%" if ratio else "0%"
    percent = ratio * 100
    for decimals in range(digits - 1, 12):
        text = f"{percent:.{decimals}f}"
        if float(text) not in (0.0, 100.0):
            return f"{_trimmed(text)}%"
    return "99.99999999999%" if ratio > 0.5 else f"{percent:.3g}%"


def format_bytes(size: float, *, digits: int = 3) -> str:
    """A size in decimal units with that many significant digits: 1.25 GB."""
    for unit, scale in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if _rounded(size, digits) >= scale:
            return f"{_significant(size / scale, digits)} {unit}"
    return f"{size:.0f} B"


def _hours(seconds: float, *, decimals: int) -> str:
    whole = round(seconds, decimals)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = [(str(hours), "h"), (str(minutes), "min"), (_trimmed(f"{rest:.{decimals}f}"), "s")]
    return " ".join(f"{amount} {unit}" for amount, unit in parts if amount != "0")


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _significant(value: float, digits: int) -> str:
    whole = 3 if value >= 100 else 2 if value >= 10 else 1
    return _trimmed(f"{value:,.{max(0, digits - whole)}f}")


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
