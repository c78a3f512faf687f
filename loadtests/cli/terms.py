"""`--margin` and `--gate` as they are written: `5%`, `p99=10%`, `failures=0.2%`."""

from collections.abc import Sequence

from loadtests.errors import UsageError
from loadtests.judge.comparison.margins import Terms
from loadtests.units import parse_ratio

__all__ = ["terms_of"]


def terms_of(margins: Sequence[str], gates: Sequence[str], *, unlike: bool) -> Terms:
    """The terms that the options name; `UsageError` for a margin that is none."""
    general, named = None, {}
    for text in margins:
        name, equals, value = text.rpartition("=")
        if equals:
            named[name.strip()] = _margin(text, value)
        else:
            general = _margin(text, value)
    return Terms(general, named, tuple(gates) or None, unlike)


def _margin(text: str, value: str) -> float:
    try:
        margin = parse_ratio(value)
    except ValueError as mistake:
        raise UsageError(f"--margin: {mistake}, or such as p99=10% (got {text})") from mistake
    if margin <= 0.0:
        raise UsageError(f"--margin: expected more than 0, since no two runs are equal (got {text})")
    return margin
