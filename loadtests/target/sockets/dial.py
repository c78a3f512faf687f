"""The hand on the sockets' part of the fault dial: counts upgrades, connections and answers, and asks it about each."""

from collections import Counter
from dataclasses import dataclass
from enum import Enum

from loadtests.law import spread
from loadtests.target.share import Split
from loadtests.target.sockets.faults import Drop, Silence, SocketFaults

__all__ = ["Decided", "SocketDial", "Treatment"]


class Treatment(Enum):
    """What happens to an answer."""

    LOSE = "lost"
    DUPLICATE = "duplicated"
    REORDER = "reordered"
    PASS = "passed"


_TAKERS = (Treatment.LOSE, Treatment.DUPLICATE, Treatment.REORDER)


@dataclass(frozen=True, slots=True)
class Decided:
    """One answer's fate: it waits, then is treated so."""

    wait_ns: int
    treatment: Treatment


class SocketDial:
    """Asks the setting that holds about each upgrade, connection and answer; turning it starts all counts anew.

    `counted` says what came about: a connection that left before its drop was due is not a dropped one.
    """

    __slots__ = ("_answers", "_connections", "_ends", "_treatments", "_upgrades", "counted", "faults", "owed")

    def __init__(self, faults: SocketFaults | None = None) -> None:
        self.turn(faults)

    def turn(self, faults: SocketFaults | None) -> None:
        """Set this part of the dial; None is off."""
        self.faults = faults
        self.counted: Counter[str] = Counter()
        self.owed = 0
        self._upgrades = self._connections = self._answers = 0
        held = SocketFaults() if faults is None else faults
        self._ends = Split(held.ends)
        self._treatments = Split(held.treatments)

    def refuses(self) -> bool:
        """Whether this upgrade is refused."""
        if self.faults is None:
            return False
        index, self._upgrades = self._upgrades, self._upgrades + 1
        return self.faults.refuse is not None and self.faults.refuse.takes(index)

    def end(self) -> Drop | Silence | None:
        """How this accepted connection will end, if not by its client."""
        if self.faults is None:
            return None
        index, self._connections = self._connections, self._connections + 1
        taker = self._ends.taker(index)
        return None if taker is None else (self.faults.drop, self.faults.silent)[taker]

    def decide(self) -> Decided:
        """The fate of this answer; only asked while something is dialled."""
        assert self.faults is not None
        index, self._answers = self._answers, self._answers + 1
        wait_ns = 0 if self.faults.delay is None else self.faults.delay.at(spread(index))
        taker = self._treatments.taker(index)
        return Decided(wait_ns, Treatment.PASS if taker is None else _TAKERS[taker])

    def reorders(self, treatment: Treatment, *, busy: object) -> bool:
        """Whether this answer is to be held back, on a connection that already holds one when `busy`.

        A connection holds back one answer at a time. What it cannot take it owes: the next answer of any connection
        that can be held is held instead, so the share stays exact.
        """
        self.owed += treatment is Treatment.REORDER
        if busy or not self.owed or treatment is Treatment.DUPLICATE:
            return False
        self.owed -= 1
        return True

    def document(self) -> dict[str, int]:
        """What was met and what came about, since the dial was turned."""
        met = {"upgrades": self._upgrades, "connections": self._connections, "answers": self._answers}
        came = ("refused", "dropped", "silenced", "delayed", "lost", "duplicated", "reordered")
        return met | {name: self.counted[name] for name in came}
