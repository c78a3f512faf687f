"""The hand on the agents' part of the fault dial: counts admitted executions and says what becomes of each."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from loadtests.law import spread
from loadtests.target.agents.faults import FATES, AgentFaults
from loadtests.target.agents.pace import PACES, PHASES, Pace
from loadtests.target.agents.question import Complexity
from loadtests.target.provider.dialled import Dialled
from loadtests.target.share import Split

__all__ = ["AgentDial", "Decided"]

_LIMIT_NS = 120 * 10**9
_NO_FAULTS = AgentFaults()


@dataclass(frozen=True, slots=True)
class Decided:
    """What becomes of one execution: its times, and the fault it has, if any."""

    pace: Pace
    phases_ns: tuple[int, ...]
    provider: Dialled
    fate: str | None
    limit_ns: int


class AgentDial:
    """Asks the setting that holds about each execution; turning it starts all counts anew.

    `counted` says what came about: an execution that was given up before its fault is not a faulted one.
    """

    __slots__ = ("_executions", "_split", "_tokens", "counted", "faults", "slow", "turned")

    def __init__(self) -> None:
        self.turned: Callable[[AgentFaults], None] | None = None
        """Told about each setting: who lets executions wait must know of `pause` and `backlog`."""
        self.turn(None)

    def turn(self, faults: AgentFaults | None) -> None:
        """Set this part of the dial; None is off."""
        self.faults = _NO_FAULTS if faults is None else faults
        self.slow = self.faults.slow
        """Whether every execution takes its time; asked about each, so kept."""
        self.counted: Counter[str] = Counter()
        self._executions = self._tokens = 0
        self._split = Split(self.faults.shares)
        if self.turned is not None:
            self.turned(self.faults)

    def fate(self) -> str | None:
        """The fault of the execution admitted now, one of `FATES`."""
        index, self._executions = self._executions, self._executions + 1
        taker = self._split.taker(index)
        return None if taker is None else FATES[taker]

    def decide(self, complexity: Complexity, fate: str | None) -> Decided:
        """The course of the execution just admitted."""
        faults, pace = self.faults, PACES[complexity]
        dialled = {name: law for name in ("phase", "first", "token") if (law := getattr(faults, name)) is not None}
        tokens = pace.tokens if faults.tokens is None else faults.tokens.value
        pace = dataclasses.replace(pace, tokens=tokens, **dialled)
        draw, self._tokens = self._tokens, self._tokens + pace.tokens
        thrice = len(PHASES) - 1
        phases_ns = tuple(pace.phase.at(spread(self._executions * thrice + place)) for place in range(thrice))
        status = faults.provider.status if fate == "provider" and faults.provider is not None else None
        provider = Dialled(pace.first, pace.token, draw, status=status, hang=fate == "hang", endless=fate == "endless")
        limit_ns = _LIMIT_NS if faults.limit is None else faults.limit.ns
        return Decided(pace, phases_ns, provider, fate, limit_ns)

    def document(self) -> dict[str, int]:
        """Executions admitted, and the faults that came about, since the dial was turned."""
        return {"executions": self._executions} | {name: self.counted[name] for name in FATES}
