"""The fault dial of the database: what goes wrong in it, and when. Pure values and their grammar.

Written as an object of texts, or as one text `lock users 3s at 30s; restart 2s at 1m`; the names and their grammar:

    sleep      LAW [on TABLE]     each statement that reads or writes the table sleeps first, e.g. exp 5ms on users;
                                  without a table each of the backend's does it
    lock       TABLE TIME WHEN    another session holds the table, so that nobody else can even read it
    terminate  SHARE WHEN         of the sessions of others than the backend: ended by the server
    restart    TIME WHEN          the server is stopped, and started again after that time
    full       TIME WHEN          every connection that is free is taken: further ones are refused

WHEN is `at TIME`, `at TIME every TIME`, or `every TIME`, counted from when the dial was turned.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from loadtests.law import Law, parse_law
from loadtests.target.setting import of_text, parse_entries, parse_settings, written
from loadtests.target.share import Share, parse_share
from loadtests.units import parse_duration_ns

__all__ = ["DatabaseFaults", "Lock", "Moments", "Outage", "Sleep", "Terminate", "parse_database_faults"]

_WHEN = r"(?:\s+at\s+(?P<at>\S+))?(?:\s+every\s+(?P<every>\S+))?\s*"
_TABLE = r"(?P<table>[a-z_][a-z0-9_]{0,62})"
_SLEEP = re.compile(rf"\s*(?P<law>.+?)(?:\s+on\s+{_TABLE})?\s*")
_LOCK = re.compile(rf"\s*{_TABLE}\s+(?P<length>\S+){_WHEN}")
_TIMED = re.compile(rf"\s*(?P<length>\S+){_WHEN}")


@dataclass(frozen=True, slots=True)
class Moments:
    """Instants since the dial was turned: the first, and from there each `every_ns`, or no more."""

    first_ns: int
    every_ns: int | None

    def at(self, index: int) -> int | None:
        """The instant of the index-th time (from 0) in ns; None when there is no such time."""
        if self.every_ns is None:
            return self.first_ns if index == 0 else None
        return self.first_ns + index * self.every_ns


@dataclass(frozen=True, slots=True)
class Sleep:
    """Statements on `table` (None: all of the backend's) sleep by the law."""

    law: Law
    table: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Lock:
    """The table is locked for `length_ns`."""

    table: str
    length_ns: int
    when: Moments
    text: str


@dataclass(frozen=True, slots=True)
class Terminate:
    """A share of the sessions is ended."""

    share: Share
    when: Moments
    text: str


@dataclass(frozen=True, slots=True)
class Outage:
    """For `length_ns` (a restart: and as long as the start takes) there is no server, or no connection to be had."""

    length_ns: int
    when: Moments
    text: str


@dataclass(frozen=True, slots=True)
class DatabaseFaults:
    """A setting of the dial for the database; None is off."""

    sleep: Sleep | None = None
    lock: Lock | None = None
    terminate: Terminate | None = None
    restart: Outage | None = None
    full: Outage | None = None

    def document(self) -> dict[str, str | None]:
        """The texts it was dialled with, by name; they can be put back."""
        return written(self)


def parse_database_faults(value: object) -> DatabaseFaults:
    """The setting written in `value`, an object of texts or one text; raises `ValueError` with every mistake."""
    dialled = parse_entries(value, example="lock users 3s at 30s; restart 2s at 1m")
    return DatabaseFaults(**parse_settings(dialled, _PARSERS))  # type: ignore[arg-type]


def _parse_sleep(text: str) -> Sleep:
    found = _SLEEP.fullmatch(text)
    if found is None:
        raise ValueError("expected a law, such as 5ms, or exp 5ms on users")
    return Sleep(parse_law(found["law"]), found["table"], text)


def _parse_lock(text: str) -> Lock:
    found = _LOCK.fullmatch(text)
    if found is None:
        raise ValueError("expected a table and a time, such as users 3s at 30s, or users 3s every 1m")
    length_ns, when = _timed(found)
    return Lock(found["table"], length_ns, when, text)


def _parse_terminate(text: str) -> Terminate:
    found = _TIMED.fullmatch(text)
    if found is None:
        raise ValueError("expected a share and when, such as 10% every 20s, or 100% at 30s")
    return Terminate(parse_share(found["length"]), _moments(found), text)


def _parse_outage(text: str) -> Outage:
    found = _TIMED.fullmatch(text)
    if found is None:
        raise ValueError("expected a time and when, such as 2s at 1m, or 2s at 1m every 5m")
    return Outage(*_timed(found), text)


def _timed(found: re.Match[str]) -> tuple[int, Moments]:
    length_ns, when = parse_duration_ns(found["length"]), _moments(found)
    if length_ns <= 0:
        raise ValueError("expected a time longer than nothing")
    if when.every_ns is not None and length_ns >= when.every_ns:
        raise ValueError("expected a time shorter than its period, such as 3s every 1m")
    return length_ns, when


def _moments(found: re.Match[str]) -> Moments:
    if found["at"] is None and found["every"] is None:
        raise ValueError("expected when it happens: at 30s, every 1m, or at 30s every 1m")
    every_ns = None if found["every"] is None else parse_duration_ns(found["every"])
    if every_ns == 0:
        raise ValueError("expected a period longer than nothing")
    first_ns = every_ns if found["at"] is None else parse_duration_ns(found["at"])
    assert first_ns is not None
    return Moments(first_ns, every_ns)


_PARSERS: dict[str, Callable[[object], object]] = {
    "sleep": of_text(_parse_sleep, "exp 5ms on users"),
    "lock": of_text(_parse_lock, "users 3s at 30s"),
    "terminate": of_text(_parse_terminate, "10% every 20s"),
    "restart": of_text(_parse_outage, "2s at 1m"),
    "full": of_text(_parse_outage, "10s at 30s"),
}
