"""The fault dial of sockets: what goes wrong with connections and with messages. Pure values and their grammar.

Written as an object of texts, or as one text `drop 1.5% after 30s 1011; lose 1%`; the names and their grammar:

    drop       SHARE [after TIME] [CODE | reset]   of connections: closed with CODE (default 1011), or reset
    silent     SHARE [after TIME]                  of connections: half-open; reads and answers nothing, stays open
    refuse     SHARE                               of upgrades: answered 503
    delay      LAW                                 every answer, e.g. 5ms, 100ms 2%; answers may overtake each other
    lose       SHARE                               of answers: never sent
    duplicate  SHARE                               of answers: sent twice
    reorder    SHARE                               of answers: held until after the connection's next, at most 1 s

`after` counts from the upgrade. Shares are exact by counting since the dial was turned: over upgrades, accepted
connections, and answers. An answer is all the server sends to one connection because of one message: an echo, a
series of events, one copy of a broadcast, one push. No connection is both dropped and silent, and no answer has two
of lose, duplicate, reorder.
"""

import re
from dataclasses import dataclass

from websockets.exceptions import ProtocolError
from websockets.frames import Close

from loadtests.law import Law, parse_law
from loadtests.target.setting import of_text, parse_entries, parse_settings, written
from loadtests.target.share import Share, parse_share, total_of
from loadtests.units import parse_duration_ns

__all__ = ["Drop", "Silence", "SocketFaults", "parse_socket_faults"]

_DROP = re.compile(r"\s*(\S+)(?:\s+after\s+(\S+))?(?:\s+(reset|[0-9]{4}))?\s*")
_INTERNAL_ERROR = 1011


@dataclass(frozen=True, slots=True)
class Drop:
    """A share of connections ended `after_ns`: closed with `code`, or reset where that is None."""

    share: Share
    after_ns: int
    code: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Silence:
    """A share of connections that go half-open `after_ns`."""

    share: Share
    after_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class SocketFaults:
    """A setting of the dial for sockets; None is off."""

    drop: Drop | None = None
    silent: Silence | None = None
    refuse: Share | None = None
    delay: Law | None = None
    lose: Share | None = None
    duplicate: Share | None = None
    reorder: Share | None = None

    @property
    def ends(self) -> tuple[Share | None, Share | None]:
        """The shares of connections that are dropped and that go silent."""
        return None if self.drop is None else self.drop.share, None if self.silent is None else self.silent.share

    @property
    def treatments(self) -> tuple[Share | None, Share | None, Share | None]:
        """The shares of answers that are lost, duplicated and reordered."""
        return self.lose, self.duplicate, self.reorder

    def document(self) -> dict[str, str | None]:
        """The texts it was dialled with, by name; they can be put back."""
        return written(self)


def parse_socket_faults(value: object) -> SocketFaults:
    """The setting written in `value`, an object of texts or one text; raises `ValueError` with every mistake."""
    dialled = parse_entries(value, example="drop 2% after 30s; lose 1%")
    faults = SocketFaults(**parse_settings(dialled, _PARSERS))  # type: ignore[arg-type]
    if total_of(faults.ends) > 1:
        raise ValueError("drop and silent: expected at most 100% together")
    if total_of(faults.treatments) > 1:
        raise ValueError("lose, duplicate and reorder: expected at most 100% together")
    return faults


def _parse_drop(text: str) -> Drop:
    found = _DROP.fullmatch(text)
    if found is None:
        raise ValueError("expected a drop such as 1.5%, 1.5% after 30s, 1.5% after 30s 1011 or 1% reset")
    return Drop(parse_share(found[1]), parse_duration_ns(found[2] or "0"), _parse_code(found[3]), text)


def _parse_silence(text: str) -> Silence:
    found = _DROP.fullmatch(text)
    if found is None or found[3]:
        raise ValueError("expected a share such as 1% or 1% after 10s")
    return Silence(parse_share(found[1]), parse_duration_ns(found[2] or "0"), text)


def _parse_code(text: str | None) -> int | None:
    if text == "reset":
        return None
    code = _INTERNAL_ERROR if text is None else int(text)
    try:
        Close(code, "").serialize()
    except ProtocolError as error:
        raise ValueError("expected a close code that may be sent, such as 1011, 1001 or 4000") from error
    return code


_PARSERS = {
    "drop": of_text(_parse_drop, "1.5% after 30s 1011"),
    "silent": of_text(_parse_silence, "1% after 10s"),
    "refuse": of_text(parse_share, "1%"),
    "delay": of_text(parse_law, "5ms, 100ms 2%"),
    "lose": of_text(parse_share, "1%"),
    "duplicate": of_text(parse_share, "1%"),
    "reorder": of_text(parse_share, "1%"),
}
