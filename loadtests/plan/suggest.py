"""The nearest valid spelling of a word that is not known."""

import difflib
from collections.abc import Iterable

__all__ = ["nearest"]


def nearest(word: object, valid: Iterable[str]) -> str | None:
    """The closest of `valid`, case aside; `None` when none is close enough to be meant."""
    by_lower = {name.lower(): name for name in valid}
    close = difflib.get_close_matches(str(word).lower(), by_lower, 1, 0.6)
    return by_lower[close[0]] if close else None
