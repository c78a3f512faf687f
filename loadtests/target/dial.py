"""The hand on the fault dial: which setting holds, since when, and how many requests it has met."""

import time
from collections.abc import Callable

from loadtests.target.agents.dial import AgentDial
from loadtests.target.faults import NO_FAULTS, Decision, Faults, Outcome
from loadtests.target.sockets.dial import SocketDial

__all__ = ["Dial"]


class Dial:
    """Counts the requests a setting touches and asks it about each; turning the dial starts the count anew.

    `clock` gives nanoseconds on any steady scale.
    """

    __slots__ = ("_clock", "_index", "_turned_ns", "agents", "counted", "faults", "sockets")

    def __init__(self, faults: Faults = NO_FAULTS, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self.sockets = SocketDial()
        self.agents = AgentDial()
        self.turn(faults)

    def turn(self, faults: Faults) -> None:
        """Set the dial; shares and stalls start from here."""
        self.faults = faults
        self.sockets.turn(faults.sockets)
        self.agents.turn(faults.agents)
        self.counted = dict.fromkeys(Outcome, 0)
        self._index = 0
        self._turned_ns = self._clock()

    def draw(self, path: str) -> Decision | None:
        """The fate of a request to `path` arriving now; None when nothing is dialled for it."""
        faults = self.faults
        if faults is NO_FAULTS or not faults.touches(path):
            return None
        decision = faults.decide(self._index, self._clock() - self._turned_ns)
        self._index += 1
        self.counted[decision.outcome] += 1
        return decision

    def held_ns(self, path: str) -> int:
        """How long an answer to `path` that is ready now must wait for a stall to end."""
        faults = self.faults
        if faults.stall is None or not faults.touches(path):
            return 0
        return faults.held_ns(self._clock() - self._turned_ns)

    def document(self) -> dict[str, object]:
        """The dial as its endpoint shows it; what it shows under the dialled names can be put back."""
        faults = self.faults
        errors = faults.errors
        counted: dict[str, object] = {outcome.value: count for outcome, count in self.counted.items()}
        if faults.sockets is not None:
            counted["sockets"] = self.sockets.document()
        if faults.agents is not None:
            counted["agents"] = self.agents.document()
        return {
            "law": None if faults.law is None else faults.law.text,
            "errors": None if errors is None else {"share": errors.share.text, "status": errors.status},
            "reset": None if faults.reset is None else faults.reset.text,
            "stall": None if faults.stall is None else faults.stall.text,
            "only": faults.only,
            "sockets": None if faults.sockets is None else faults.sockets.document(),
            "database": None if faults.database is None else faults.database.document(),
            "agents": None if faults.agents is None else faults.agents.document(),
            "counted": counted,
        }
