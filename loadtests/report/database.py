"""What a database said of itself while it was loaded, for the page: its pool, sessions, waits, statements, statistics.

Sums and waits are of the judged interval, deadlocks, statements and blockers of the whole run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtests.report.block import Line, Table
from loadtests.report.chart import Chart, Course, Drawn
from loadtests.report.series import Steps, steps_of
from loadtests.report.wording import Figure, count, figure
from loadtests.result.database import Blocker, StatementUse
from loadtests.result.run import ScenarioRun, pooled
from loadtests.result.window import POOL_BUSY, POOL_OPEN, RETRIED, Tally

__all__ = ["DatabaseFacts", "LockMode", "database"]

_STATES = ("active", "idle", "idle_in_transaction", "other")
_SUMS = (
    "commits",
    "rollbacks",
    "temp_files",
    "temp_bytes",
    "wal_bytes",
    "checkpoints_timed",
    "checkpoints_requested",
)
_MODE = "lock_waits."


@dataclass(frozen=True, slots=True)
class LockMode:
    """Waits for locks of one mode: how many, how long on average, the longest."""

    mode: str
    waits: Figure
    mean: Figure
    longest: Figure


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """`own_pool` is the share of time in which the generator's connections were in use, `sessions` the server's over
    max_connections: mean and highest. `sums` are counted over the judged interval by the server."""

    own_pool: Figure
    retried: Figure
    sessions_mean: Figure
    sessions_max: Figure
    states: Mapping[str, tuple[Figure, Figure]]
    waits: Figure
    wait_mean: Figure
    wait_longest: Figure
    modes: Sequence[LockMode]
    deadlocks: Figure
    cache_hits: Figure
    sums: Mapping[str, Figure]
    statements: Sequence[StatementUse]
    blockers: Sequence[Blocker]
    charts: Sequence[Drawn]
    asked: bool

    key = "database"

    @property
    def lines(self) -> Sequence[Line]:
        """The pool and the server's sessions; waits and deadlocks; what stood in the way."""
        pool = f"{self.own_pool.text} of the pool in use"
        if self.retried.value:
            pool += f", {self.retried.text} retries"
        if not self.asked:
            return [Line("database", f"{pool}; the server could not be asked for its own figures")]
        sessions = f"sessions {self.sessions_mean.text} of max_connections, at most {self.sessions_max.text}"
        found = [Line("database", f"{pool}; {sessions}; {self.cache_hits.text} of blocks from cache"), self._locks]
        return [*found, *(Line("blocked by", _in_words(one), "whole run") for one in self.blockers[:1])]

    @property
    def _locks(self) -> Line:
        waits = "no wait for a lock was seen"
        if self.waits.value:
            waits = f"{self.waits.text} waits, mean {self.wait_mean.text}, longest {self.wait_longest.text}"
        return Line("locks", f"{waits}; {self.deadlocks.text} deadlocks")

    @property
    def tables(self) -> Sequence[Table]:
        """Waits by mode, and the costliest statements."""
        modes = [(one.mode, one.waits.text, one.mean.text, one.longest.text) for one in self.modes]
        found = [Table(("Lock mode", "Waits", "Mean", "Longest"), modes, (1, 2, 3))] if modes else []
        rows = [costs[:4] for costs in self.costs]
        return [*found, Table(("Statement", "Calls", "Total", "Mean"), rows, (1, 2, 3))] if rows else found

    @property
    def costs(self) -> Sequence[tuple[str, str, str, str, str, str, str]]:
        """The costliest statements as text: query, calls, total, mean, longest, rows, blocks from cache."""
        return [
            (
                use.query,
                f"{use.calls:,}",
                _text(use.total_s),
                _text(use.total_s / use.calls),
                _text(use.max_s),
                f"{use.rows:,}",
                _share(use.blocks_hit, use.blocks_hit + use.blocks_read).text,
            )
            for use in self.statements
        ]

    @property
    def obstacles(self) -> Sequence[tuple[str, str]]:
        """Who stood in the way, and when."""
        return [(figure(one.at_s * 1e9, "ns").text, _in_words(one)) for one in self.blockers]

    def document(self) -> Mapping[str, Any]:
        """Shares 0..1, times in ms, sizes in bytes."""
        return {
            "pool_in_use": self.own_pool.value,
            "retried": self.retried.value,
            "asked": self.asked,
            "sessions_of_max": {"mean": self.sessions_mean.value, "max": self.sessions_max.value},
            "sessions": {
                state: {"mean": mean.value, "max": highest.value} for state, (mean, highest) in self.states.items()
            },
            "lock_waits": {
                "waits": self.waits.value,
                "mean_ms": self.wait_mean.value,
                "max_ms": self.wait_longest.value,
                "modes": {
                    one.mode: {"waits": one.waits.value, "mean_ms": one.mean.value, "max_ms": one.longest.value}
                    for one in self.modes
                },
            },
            "deadlocks": self.deadlocks.value,
            "cache_hit_ratio": self.cache_hits.value,
            **{name: found.value for name, found in self.sums.items()},
            "statements": [
                {
                    "query": use.query,
                    "calls": use.calls,
                    "total_ms": use.total_s * 1e3,
                    "mean_ms": use.total_s * 1e3 / use.calls,
                    "max_ms": use.max_s * 1e3,
                    "rows": use.rows,
                }
                for use in self.statements
            ],
            "blockers": [
                {
                    "at_s": one.at_s,
                    "mode": one.mode,
                    "what": one.what,
                    "application": one.application,
                    "state": one.state,
                    "query": one.query,
                }
                for one in self.blockers
            ],
        }


def database(run: ScenarioRun) -> DatabaseFacts | None:
    """The database of a run; none where none was loaded."""
    if run.scenario.driver != "database":
        return None
    seen = {name: values for (source, name), values in run.steady_gauges().items() if source == "database"}
    pool = run.steady_gauges().get(("target", "pool"), [])
    sums = {name: sum(values) for name, values in seen.items()}
    whole = [sample.values for sample in run.resources if sample.source == "database"]
    asked = bool(whole)
    waits = sums.get("lock_waits", 0.0)
    steady = pooled(run.by_second(run.total_names()), run.seconds())
    generator = Tally.merge(
        tally for second, found in run.generator_by_second().items() if second in run.seconds() for tally in found
    )
    return DatabaseFacts(
        own_pool=_share(generator.count(POOL_BUSY), generator.count(POOL_OPEN)),
        retried=count(steady.count(RETRIED)),
        sessions_mean=figure(_mean(pool), "ratio"),
        sessions_max=figure(max(pool, default=None), "ratio"),
        states={state: _mean_and_max(seen.get(f"sessions_{state}", [])) for state in _STATES},
        waits=count(int(waits)),
        wait_mean=figure(sums.get("lock_wait_total_s", 0.0) / waits * 1e9 if waits else None, "ns"),
        wait_longest=figure(max(seen.get("lock_wait_max_s", []), default=0.0) * 1e9 if waits else None, "ns"),
        modes=_modes(seen),
        deadlocks=count(int(sum(values.get("deadlocks", 0.0) for values in whole)) if asked else None),
        cache_hits=_share(sums.get("blocks_hit", 0.0), sums.get("blocks_hit", 0.0) + sums.get("blocks_read", 0.0)),
        sums={name: _sum(name, sums) for name in _SUMS},
        statements=run.notes.statements,
        blockers=run.notes.blockers,
        charts=_charts(run),
        asked=asked,
    )


def _modes(seen: Mapping[str, Sequence[float]]) -> list[LockMode]:
    """The mode that was waited for longest in all first."""
    found = []
    for name in seen:
        if not name.startswith(_MODE):
            continue
        mode = name.removeprefix(_MODE)
        number, total = sum(seen[name]), sum(seen[f"lock_wait_total_s.{mode}"])
        longest = max(seen[f"lock_wait_max_s.{mode}"])
        row = LockMode(mode, count(int(number)), figure(total / number * 1e9, "ns"), figure(longest * 1e9, "ns"))
        found.append((total, row))
    return [row for _, row in sorted(found, key=lambda each: each[0], reverse=True)]


def _charts(run: ScenarioRun) -> list[Drawn]:
    steps = steps_of(run)
    samples = [sample for sample in run.resources if sample.source == "database"]

    def course(name: str, label: str, tone: str, *, scale: float = 1.0, peaks: bool = False) -> Course:
        at = [(sample.at_s, sample.values[name] * scale) for sample in samples if name in sample.values]
        return Course(label, steps.means(at, peaks=peaks), tone, bridged=True)

    def chart(title: str, unit: Any, *courses: Course) -> Chart | None:
        if not any(value is not None for one in courses for value in one.values):
            return None
        return Chart(title, unit, tuple(steps.starts), courses, link=run.scenario.name)

    sessions = [
        course(f"sessions_{state}", state.replace("_", " "), tone) for state, tone in zip(_STATES, "acbf", strict=True)
    ]
    waiting = course("lock_waiting", "waiting for a lock", "fail", peaks=True)
    longest = course("lock_longest_s", "wait", "fail", scale=1e3, peaks=True)
    found = [
        _pool_chart(run, steps),
        chart("Sessions of the database, by state", "number", *sessions, waiting),
        chart("Longest wait for a lock in progress", "ms", longest),
        chart(
            "Transactions of the database",
            "per_s",
            course("commits", "commits", "a"),
            course("rollbacks", "rollbacks", "fail"),
        ),
        chart("Write-ahead log of the database, bytes per second", "bytes", course("wal_bytes", "WAL", "a")),
    ]
    return [one for one in found if one is not None]


def _pool_chart(run: ScenarioRun, steps: Steps) -> Chart | None:
    at = []
    for second, tallies in run.generator_by_second().items():
        tally = Tally.merge(tallies)
        if tally.count(POOL_OPEN):
            at.append((float(second), tally.count(POOL_BUSY) / tally.count(POOL_OPEN)))
    if not at:
        return None
    courses = (Course("in use", steps.means(at), "a", "area"),)
    return Chart("Pool of connections in use", "ratio", tuple(steps.starts), courses, link=run.scenario.name)


def _mean_and_max(values: Sequence[float]) -> tuple[Figure, Figure]:
    return figure(_mean(values), "number"), figure(max(values, default=None), "number")


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _share(part: float, whole: float) -> Figure:
    return figure(part / whole if whole else None, "ratio")


def _sum(name: str, sums: Mapping[str, float]) -> Figure:
    if name not in sums:
        return figure(None, "number")
    return figure(sums[name], "bytes") if name.endswith("_bytes") else count(int(sums[name]))


def _text(seconds: float) -> str:
    return figure(seconds * 1e9, "ns").text


def _in_words(one: Blocker) -> str:
    """`AccessShareLock on users behind psql (idle in transaction): LOCK TABLE users`."""
    who = one.application or "a session without a name"
    return f"{one.mode} on {one.what} behind {who} ({one.state or 'state unknown'}): {' '.join(one.query.split())}"
