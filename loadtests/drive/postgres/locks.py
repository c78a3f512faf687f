"""Waits for locks, told from looking often: when each began the server says, when it ended lies between two looks.

A wait is taken to have ended in the middle between the look that saw it last and the one that did not. What is shorter
than the time between looks is seen by chance, the longer the likelier: a mean of what was seen is never too low.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from loadtests.result.database import Blocker

__all__ = ["LockWaits", "Waiter", "waiters_sql"]

_WAITSTART_SINCE = 14
_WORTH_ASKING_S = 0.2


def waiters_sql(version: int) -> str:
    """Who waits for a lock: process, since when, how long by now, for which mode of what."""
    began = "l.waitstart" if version >= _WAITSTART_SINCE else "a.query_start"
    return f"""
SELECT /* loadtests */ l.pid, extract(epoch FROM {began})::float8 AS began,
       extract(epoch FROM clock_timestamp() - {began})::float8 AS age,
       l.mode, coalesce(l.relation::regclass::text, l.locktype) AS what
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE NOT l.granted AND {began} IS NOT NULL
"""


BLOCKERS_SQL = """
SELECT /* loadtests */ a.pid, a.application_name AS application, coalesce(a.state, '') AS state,
       left(a.query, 300) AS query, extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age
FROM pg_stat_activity a WHERE a.pid = ANY (pg_blocking_pids($1)) ORDER BY a.xact_start LIMIT 3
"""


@dataclass(frozen=True, slots=True)
class Waiter:
    """One row of `waiters_sql`."""

    pid: int
    began: float
    age: float
    mode: str
    what: str


@dataclass(slots=True)
class _Wait:
    """A wait that was seen: when it began and was last seen, on the watch's own clock."""

    began_s: float
    seen_s: float
    mode: str
    what: str
    asked: bool = False


@dataclass(slots=True)
class LockWaits:
    """The waits in progress, and those that have ended since they were last taken, by the second they began in."""

    _waits: dict[tuple[int, float], _Wait] = field(default_factory=dict)
    _ended: dict[int, dict[str, float]] = field(default_factory=dict)
    _peaks: tuple[int, float] = (0, 0.0)
    blockers: list[Blocker] = field(default_factory=list)

    @property
    def waiting(self) -> int:
        """How many wait at the moment."""
        return len(self._waits)

    def look(self, waiters: Iterable[Waiter], at_s: float) -> None:
        """Take in one look, made at `at_s`."""
        seen = set()
        for waiter in waiters:
            key = waiter.pid, waiter.began
            seen.add(key)
            known = self._waits.get(key)
            if known is None:
                self._waits[key] = _Wait(at_s - waiter.age, at_s, waiter.mode, waiter.what)
            else:
                known.seen_s = at_s
        for key in [key for key in self._waits if key not in seen]:
            wait = self._waits.pop(key)
            self._end(wait, (wait.seen_s + at_s) / 2)
        most, longest = self._peaks
        longest = max([longest, *(at_s - wait.began_s for wait in self._waits.values())])
        self._peaks = max(most, self.waiting), longest

    def peaks(self) -> tuple[int, float]:
        """The most that waited at once, and the longest wait that was in progress, in any look since the last time."""
        found, self._peaks = self._peaks, (0, 0.0)
        return found

    def worth_asking(self, at_s: float) -> int | None:
        """A process that has waited so long that it is worth knowing for whom; each time of waiting once."""
        for (pid, _), wait in self._waits.items():
            if not wait.asked and at_s - wait.began_s >= _WORTH_ASKING_S:
                for other in self._waits.values():  # those who wait for the same thing wait for the same session
                    other.asked = other.asked or other.what == wait.what
                return pid
        return None

    def blocked(self, pid: int, rows: Iterable[Mapping[str, object]], at_s: float) -> None:
        """Note who stands in the way of that process."""
        wait = next((wait for (waiter, _), wait in self._waits.items() if waiter == pid), None)
        if wait is None:
            return
        for row in rows:
            application, state, query = (str(row[name]) for name in ("application", "state", "query"))
            self.blockers.append(Blocker(at_s, wait.mode, wait.what, application, state, query))

    def end_all(self, at_s: float) -> None:
        """The run is over: what waits still has waited until now."""
        for wait in self._waits.values():
            self._end(wait, at_s)
        self._waits.clear()

    def take(self) -> dict[int, dict[str, float]]:
        """What has ended since the last time, by the second in which it began: number, sum and longest, of all and by
        mode."""
        found, self._ended = self._ended, {}
        return found

    def _end(self, wait: _Wait, ended_s: float) -> None:
        lasted = max(0.0, ended_s - wait.began_s)
        values = self._ended.setdefault(max(0, int(wait.began_s // 1)), {})
        for suffix in ("", f".{wait.mode}"):
            values[f"lock_waits{suffix}"] = values.get(f"lock_waits{suffix}", 0.0) + 1.0
            values[f"lock_wait_total_s{suffix}"] = values.get(f"lock_wait_total_s{suffix}", 0.0) + lasted
            values[f"lock_wait_max_s{suffix}"] = max(values.get(f"lock_wait_max_s{suffix}", 0.0), lasted)
