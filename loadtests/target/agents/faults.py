"""The fault dial of agents: how slow they are and what goes wrong with them. Pure values and their grammar.

Written as an object of texts, or as one text `first exp 500ms; hang 6%`; the names and their grammar:

    first      LAW             the provider's time to its first token, e.g. exp 500ms
    token      LAW             its time from one token to the next, e.g. 15ms, 400ms 1%
    phase      LAW             each of triage, data and optimisation
    tokens     N               tokens of a report
    limit      TIME            when an execution is given up as timed out (2m unless dialled)
    html       SHARE           answered 200 with an HTML page and no execution
    provider   SHARE [STATUS]  the provider answers STATUS (503), so the execution fails
    hang       SHARE           the provider falls silent after half of the tokens
    endless    SHARE           the provider never stops
    cut        SHARE           the connection ends in the middle of the tokens; an answer in one piece, half-way
    malformed  SHARE           one event in the middle is no JSON; an answer in one piece is none
    wrong      SHARE           the sum is a tenth and a cent too high, in the result and in the text
    mixup      SHARE           the whole answer is that of the next user
    pause      TIME            workers take nothing up for so long after the dial was turned
    backlog    N of TIME       N executions of TIME each are put into the queue as the dial is turned

A SHARE is of executions admitted since the dial was turned, exact by counting, written 2% or `every 50` (the 50th, the
100th, …). No execution has two of these faults. While one of first, token, phase, tokens, provider, hang or endless is
dialled, every execution takes its time and calls the provider, also one that asked for neither.
"""

import re
from dataclasses import dataclass

from loadtests.law import Law, parse_law
from loadtests.target.setting import of_text, parse_entries, parse_settings, written
from loadtests.target.share import Share, parse_share, total_of
from loadtests.units import parse_duration_ns

__all__ = ["FATES", "AgentFaults", "Backlog", "Count", "Failing", "Lasting", "parse_agent_faults"]

FATES = ("html", "provider", "hang", "endless", "cut", "malformed", "wrong", "mixup")
"""The faults of which an execution has at most one, in the order in which shares are counted."""

_SLOW = ("first", "token", "phase", "tokens", "provider", "hang", "endless")
_TOKENS_LIMIT = 100_000
_BACKLOG_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class Count:
    """A whole number, as dialled."""

    value: int
    text: str


@dataclass(frozen=True, slots=True)
class Lasting:
    """A time, as dialled."""

    ns: int
    text: str


@dataclass(frozen=True, slots=True)
class Failing:
    """A share of completions that the provider answers with `status`."""

    share: Share
    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """Executions that nobody asked for, each of which keeps a worker busy for `each_ns`."""

    count: int
    each_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class AgentFaults:
    """A setting of the dial for agents; None is off."""

    first: Law | None = None
    token: Law | None = None
    phase: Law | None = None
    tokens: Count | None = None
    limit: Lasting | None = None
    html: Share | None = None
    provider: Failing | None = None
    hang: Share | None = None
    endless: Share | None = None
    cut: Share | None = None
    malformed: Share | None = None
    wrong: Share | None = None
    mixup: Share | None = None
    pause: Lasting | None = None
    backlog: Backlog | None = None

    @property
    def shares(self) -> tuple[Share | None, ...]:
        """The share of each of `FATES`."""
        values = (getattr(self, name) for name in FATES)
        return tuple(value.share if isinstance(value, Failing) else value for value in values)

    @property
    def slow(self) -> bool:
        """Whether every execution calls the provider."""
        return any(getattr(self, name) is not None for name in _SLOW)

    def document(self) -> dict[str, str | None]:
        """The texts it was dialled with, by name; they can be put back."""
        return written(self)


def parse_agent_faults(value: object) -> AgentFaults:
    """The setting written in `value`, an object of texts or one text; raises `ValueError` with every mistake."""
    dialled = parse_entries(value, example="hang 6%; wrong every 50")
    faults = AgentFaults(**parse_settings(dialled, _PARSERS))  # type: ignore[arg-type]
    if total_of(faults.shares) > 1:
        raise ValueError(f"{', '.join(FATES)}: expected at most 100% together")
    return faults


def _parse_failing(text: str) -> Failing:
    share, _, status = text.strip().rpartition(" ")
    if not (share and re.fullmatch("[45][0-9]{2}", status) and share != "every"):
        share, status = text, "503"
    return Failing(parse_share(share), int(status), text)


def _parse_tokens(text: str) -> Count:
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= _TOKENS_LIMIT):
        raise ValueError(f"expected a whole number from 1 to {_TOKENS_LIMIT:,}")
    return Count(int(text), text)


def _parse_lasting(text: str) -> Lasting:
    ns = parse_duration_ns(text)
    if ns == 0:
        raise ValueError("expected a time longer than nothing, such as 5s")
    return Lasting(ns, text)


def _parse_backlog(text: str) -> Backlog:
    found = re.fullmatch(r"\s*([0-9]{1,9})\s+of\s+(.+?)\s*", text)
    if found is None or not 1 <= int(found[1]) <= _BACKLOG_LIMIT:
        raise ValueError(f"expected a backlog such as 200 of 2s, of at most {_BACKLOG_LIMIT:,}")
    return Backlog(int(found[1]), parse_duration_ns(found[2]), text)


_LAW = of_text(parse_law, "exp 500ms")
_SHARE = of_text(parse_share, "2% or every 50")
_PARSERS = {
    "first": _LAW,
    "token": _LAW,
    "phase": _LAW,
    "tokens": of_text(_parse_tokens, "200"),
    "limit": of_text(_parse_lasting, "30s"),
    "html": _SHARE,
    "provider": of_text(_parse_failing, "2% 503"),
    "hang": _SHARE,
    "endless": _SHARE,
    "cut": _SHARE,
    "malformed": _SHARE,
    "wrong": _SHARE,
    "mixup": _SHARE,
    "pause": of_text(_parse_lasting, "5s"),
    "backlog": of_text(_parse_backlog, "200 of 2s"),
}
