"""What a database says of itself at the end of a scenario: text, where samples of resources are numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Blocker", "DatabaseNotes", "StatementUse"]


@dataclass(frozen=True, slots=True)
class StatementUse:
    """What one statement of a database took during a scenario; `max_s` since the statistics were last reset."""

    query: str
    calls: int
    total_s: float
    max_s: float
    rows: int
    blocks_hit: int
    blocks_read: int


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session that others waited for, `at_s` seconds after the start: for which lock, and what it was doing."""

    at_s: float
    mode: str
    what: str
    application: str
    state: str
    query: str


@dataclass(frozen=True, slots=True)
class DatabaseNotes:
    """What a database says at the end of a scenario: its costliest statements, and who stood in others' way."""

    statements: Sequence[StatementUse] = ()
    blockers: Sequence[Blocker] = ()
