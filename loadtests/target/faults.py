"""The fault dial: which request is slow, fails, is reset or waits out a stall. Pure arithmetic, no clock, no I/O.

A share is kept by counting, not by chance. The i-th request fails when the running sum of the share passes a whole
number at i, so of any q consecutive requests exactly p fail for a share of p/q: 2% is one in any 50. Resets are counted
the same way over the requests that do not fail, so both shares stay exact together.

A stall behaves as a stopped process does: what arrives in it is taken up at its end, and an answer that falls due in it
leaves at its end. With `1s every 10s` the first stall runs from 10 s to 11 s after the dial was turned.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from loadtests.law import Law, parse_law, spread
from loadtests.target.agents.faults import AgentFaults, parse_agent_faults
from loadtests.target.database.faults import DatabaseFaults, parse_database_faults
from loadtests.target.setting import of_text, parse_settings
from loadtests.target.share import Share, parse_share, passes_whole, total_of
from loadtests.target.sockets.faults import SocketFaults, parse_socket_faults
from loadtests.units import parse_duration_ns

__all__ = ["NO_FAULTS", "Decision", "Errors", "Faults", "Outcome", "Share", "Stall", "parse_faults"]

_EXEMPT = ("/metrics", "/api/admin/")


class Outcome(Enum):
    """How the target ends a request."""

    ANSWER = "answer"
    ERROR = "error"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one request: it waits `wait_ns`, then ends as `outcome` says (an error with `status`)."""

    wait_ns: int
    outcome: Outcome
    status: int = 200


@dataclass(frozen=True, slots=True)
class Errors:
    """A share of requests answered with `status` instead of their answer."""

    share: Share
    status: int = 500


@dataclass(frozen=True, slots=True)
class Stall:
    """A pause of `duration_ns` at every whole multiple of `every_ns`, first one period after the dial turned."""

    duration_ns: int
    every_ns: int
    text: str

    def over(self, at_ns: int) -> int:
        """The end of the stall that `at_ns` falls in; `at_ns` itself outside of any."""
        phase = at_ns % self.every_ns
        if at_ns < self.every_ns or phase >= self.duration_ns:
            return at_ns
        return at_ns - phase + self.duration_ns


@dataclass(frozen=True, slots=True)
class Faults:
    """A setting of the dial. `only` is a path prefix; without it every path but /metrics and /api/admin/ is touched.

    Upgrades to sockets are touched by `sockets` alone; `agents` touches executions, however they are asked for.
    """

    law: Law | None = None
    errors: Errors | None = None
    reset: Share | None = None
    stall: Stall | None = None
    only: str | None = None
    sockets: SocketFaults | None = None
    database: DatabaseFaults | None = None
    agents: AgentFaults | None = None

    def touches(self, path: str) -> bool:
        """Whether requests to this path are counted and may be faulted; the dial itself must always answer."""
        return not path.startswith(_EXEMPT) and (self.only is None or path.startswith(self.only))

    def decide(self, index: int, now_ns: int) -> Decision:
        """The fate of the index-th request (from 0), which arrives `now_ns` after the dial was turned.

        The law applies to failing requests too: an error takes as long as an answer would have.
        """
        wait_ns = self._wait(index, now_ns)
        if self.errors is not None and self.errors.share.takes(index):
            return Decision(wait_ns, Outcome.ERROR, self.errors.status)
        if self.reset is not None and self._resets(index):
            return Decision(wait_ns, Outcome.RESET)
        return Decision(wait_ns, Outcome.ANSWER)

    def held_ns(self, now_ns: int) -> int:
        """How long an answer that is ready now must still wait for a stall to end."""
        return 0 if self.stall is None else self.stall.over(now_ns) - now_ns

    def _wait(self, index: int, now_ns: int) -> int:
        delay = 0 if self.law is None else self.law.at(spread(index))
        if self.stall is None:
            return delay
        return self.stall.over(self.stall.over(now_ns) + delay) - now_ns

    def _resets(self, index: int) -> bool:
        """Counts over the requests that are not errors, whose share of resets is reset / (1 - errors)."""
        assert self.reset is not None
        if self.errors is None:
            return self.reset.takes(index)
        errors = self.errors.share
        return passes_whole(
            index - errors.before(index), self.reset.hits * errors.of, self.reset.of * (errors.of - errors.hits)
        )


NO_FAULTS = Faults()


def parse_faults(dialled: Mapping[str, object]) -> Faults:
    """The dial from texts, e.g. {"law": "exp 5ms", "errors": "2% 503", "reset": "1%", "stall": "1s every 10s",
    "sockets": {"drop": "1.5% after 30s 1011", "lose": "1%"}, "database": {"lock": "users 3s at 30s"},
    "agents": {"hang": "6%"}}; their grammar is in `sockets.faults`, `database.faults` and `agents.faults`.

    Keys left out or None are off. Raises `ValueError` with every mistake in one sentence each.
    """
    faults = Faults(**parse_settings(dialled, _PARSERS))  # type: ignore[arg-type]
    if mistakes := _overfull(faults):
        raise ValueError("; ".join(mistakes))
    return faults


def _overfull(faults: Faults) -> list[str]:
    if faults.errors is None or faults.reset is None:
        return []
    errors, reset = faults.errors.share, faults.reset
    if total_of((errors, reset)) <= 1:
        return []
    return [f"errors and reset: expected at most 100% together (got {errors.text} and {reset.text})"]


def _parse_errors(value: object) -> Errors:
    if isinstance(value, Mapping):
        if set(value) - {"share", "status"} or not isinstance(value.get("share"), str):
            raise ValueError('expected {"share": "2%", "status": 503}')
        return Errors(parse_share(value["share"]), _parse_status(value.get("status", 500)))
    found = re.fullmatch(r"\s*(\S+)(?:\s+([0-9]{3}))?\s*", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('expected a share such as 2%, with a status as in 2% 503 or {"share": "2%", "status": 503}')
    return Errors(parse_share(found[1]), _parse_status(int(found[2] or 500)))


def _parse_status(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 400 <= value <= 599:
        raise ValueError("expected a status from 400 to 599")
    return value


def _parse_stall(text: str) -> Stall:
    found = re.fullmatch(r"\s*(.+?)\s+every\s+(.+?)\s*", text)
    if found is None:
        raise ValueError("expected a stall such as 1s every 10s")
    duration_ns, every_ns = parse_duration_ns(found[1]), parse_duration_ns(found[2])
    if not 0 < duration_ns < every_ns:
        raise ValueError("expected a stall that is longer than nothing and shorter than its period, e.g. 1s every 10s")
    return Stall(duration_ns, every_ns, text)


def _parse_prefix(text: str) -> str:
    if not text.startswith("/") or text.startswith(_EXEMPT):
        raise ValueError("expected a path prefix such as /api/agent, outside /metrics and /api/admin/")
    return text


_PARSERS: dict[str, Callable[[object], object]] = {
    "law": of_text(parse_law, "5ms, 100ms 2%"),
    "errors": _parse_errors,
    "reset": of_text(parse_share, "1%"),
    "stall": of_text(_parse_stall, "1s every 10s"),
    "only": of_text(_parse_prefix, "/api/agent"),
    "sockets": parse_socket_faults,
    "database": parse_database_faults,
    "agents": parse_agent_faults,
}
