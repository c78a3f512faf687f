"""How the stub provider shall behave for one completion. Travels in the request, as its member `dialled`.

    first   LAW     from the request to the first token
    token   LAW     from one token to the next, counted from when the last one was due
    draw    N       number of this completion's first token among all; which quantiles of the laws it gets
    status  N       answer this status after `first` instead of tokens
    hang    true    say nothing more after half of the tokens
    endless true    never stop

A request without `dialled` gets the defaults, so any OpenAI-compatible client can talk to the stub.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from loadtests.law import Law, parse_law, spread

__all__ = ["DEFAULT", "Dialled", "read_dialled"]

_law = lru_cache(maxsize=256)(parse_law)


@dataclass(frozen=True, slots=True)
class Dialled:
    """Times and faults of one completion."""

    first: Law
    token: Law
    draw: int = 0
    status: int | None = None
    hang: bool = False
    endless: bool = False

    def first_ns(self) -> int:
        """From the request to the first token."""
        return self.first.at(spread(self.draw))

    def gap_ns(self, place: int) -> int:
        """From the token before to the one at `place` (from 0)."""
        return self.token.at(spread(self.draw + place))

    def document(self) -> dict[str, object]:
        """As it travels; `read_dialled` reads it."""
        return {
            "first": self.first.text,
            "token": self.token.text,
            "draw": self.draw,
            "status": self.status,
            "hang": self.hang,
            "endless": self.endless,
        }


DEFAULT = Dialled(parse_law("100ms"), parse_law("10ms"))


def read_dialled(document: Mapping[str, Any] | None) -> Dialled:
    """What `Dialled.document` wrote; raises `ValueError`, `KeyError` or `TypeError` for anything else."""
    if document is None:
        return DEFAULT
    first, token = _law(document["first"]), _law(document["token"])
    return Dialled(first, token, **{name: document[name] for name in ("draw", "status", "hang", "endless")})
