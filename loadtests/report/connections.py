"""The held connections of a scenario for the page: how many were made and lost and why, their times, their messages."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtests.report.block import Line, Table
from loadtests.report.chart import Drawn
from loadtests.report.latency import Latency, latency
from loadtests.report.wording import Figure, count, figure, values_of
from loadtests.result.run import ScenarioRun, pooled
from loadtests.result.window import CUT_OFF, DUPLICATED, LOST_PUSHES, OFFERED, OK, OUT_OF_ORDER, PUSHES, RECONNECTED

__all__ = ["ConnectionsFacts", "cause_in_words", "connections"]

_COLUMNS = ("p50", "p95", "p99", "max")

_CLOSE = re.compile(r"close_(\d+)")
_CODES = {
    1000: "normal",
    1001: "going away",
    1002: "protocol error",
    1003: "unsupported data",
    1005: "no status",
    1006: "abnormal",
    1007: "invalid data",
    1008: "policy violation",
    1009: "message too big",
    1010: "extension missing",
    1011: "server error",
    1012: "service restart",
    1013: "try again later",
    1014: "bad gateway",
    1015: "TLS failure",
}
"""RFC 6455, section 7.4.1, and the registry of close codes that it founds."""

_CAUSES = {
    "eof": "ended without a close frame",
    "reset": "reset by the peer",
    "ping_timeout": "no pong in time",
    "protocol": "protocol violation by the peer",
    "too_big": "message over the size limit",
    "error": "network error",
}


@dataclass(frozen=True, slots=True)
class ConnectionsFacts:
    """Connections that were held. `dropped` goes by cause in words; `causes` has the same numbers by recorded name.

    The making and losing (up to `connect`) is of the whole run, ramp included; pings and pushes are of the steady
    interval. `attempts` = `established` + `failed` + `cut_off`; `reconnected` of the established ones replaced a lost
    one.
    """

    attempts: Figure
    established: Figure
    reconnected: Figure
    cut_off: Figure
    failed: Figure
    failed_share: Figure
    failures: Mapping[str, Figure]
    lost: Figure
    drop_share: Figure
    dropped: Mapping[str, Figure]
    causes: Mapping[str, Figure]
    connect: Latency
    ping: Latency
    push: Latency
    pushes_received: Figure
    pushes_lost: Figure
    pushes_duplicated: Figure
    pushes_out_of_order: Figure

    key = "connections"
    charts: Sequence[Drawn] = ()

    @property
    def lines(self) -> Sequence[Line]:
        """How many were made and lost, and what was pushed over them."""
        pushes = self.pushes_summary
        held = Line(self.key, self.summary, "whole run, ramp included")
        return [held] if pushes is None else [held, Line("pushes", pushes)]

    @property
    def tables(self) -> Sequence[Table]:
        """Times of connecting, of pings and of pushes."""
        rows = [(name, f"{one.samples:,}", *(one.figures[at].text for at in _COLUMNS)) for name, one in self.times]
        return [Table(("Time", "Samples", *_COLUMNS), rows, range(1, len(_COLUMNS) + 2))] if rows else []

    def document(self) -> Mapping[str, Any]:
        """Causes go by their recorded names, which do not change."""
        return {
            "attempts": self.attempts.value,
            "established": self.established.value,
            "reconnected": self.reconnected.value,
            "cut_off": self.cut_off.value,
            "failed": values_of(self.failures),
            "failed_share": self.failed_share.value,
            "dropped": values_of(self.causes),
            "drop_share": self.drop_share.value,
            "connect_ms": self.connect.document(),
            "ping_ms": self.ping.document(),
            "push_ms": self.push.document(),
            "pushes": {
                "received": self.pushes_received.value,
                "lost": self.pushes_lost.value,
                "duplicated": self.pushes_duplicated.value,
                "out_of_order": self.pushes_out_of_order.value,
            },
        }

    @property
    def times(self) -> Sequence[tuple[str, Latency]]:
        """The latencies that there are, with what they measure."""
        named = (("connect, from when it was due", self.connect), ("ping to pong", self.ping), ("push", self.push))
        return [(name, found) for name, found in named if found.samples]

    @property
    def summary(self) -> str:
        """One line: how many, how many not made, how many lost and why."""
        parts = [f"{self.established.text} of {self.attempts.text} established"]
        parts += [f"{self.reconnected.text} of them made anew"] if self.reconnected.value else []
        parts.append(f"{self.failed.text} failed{_shared(self.failed_share, self.failures)}")
        parts.append(f"{self.lost.text} dropped{_shared(self.drop_share, self.dropped)}")
        if self.connect.samples:
            parts.append(f"connect p95 {self.connect.figures['p95'].text}")
        return ", ".join(parts)

    @property
    def pushes_summary(self) -> str | None:
        """One line on pushes, where there were any."""
        if not self.pushes_received.value and not self.pushes_lost.value:
            return None
        return (
            f"{self.pushes_received.text} received, {self.pushes_lost.text} lost, {self.pushes_duplicated.text} "
            f"duplicated, {self.pushes_out_of_order.text} out of order"
        )


def cause_in_words(cause: str) -> str:
    """`close 1001 going away` for `close_1001`, `no pong in time` for `ping_timeout`; an unknown cause as it is."""
    code = _CLOSE.fullmatch(cause)
    if code is not None:
        return f"close {code[1]} {_CODES.get(int(code[1]), '')}".rstrip()
    return _CAUSES.get(cause, cause.replace("_", " "))


def connections(run: ScenarioRun) -> ConnectionsFacts | None:
    """The connections of a run; none where none are held."""
    if not run.holds_connections and run.scenario.load.connections is None:
        return None
    by_second = run.connections_by_second()
    whole, steady = pooled(by_second, run.recorded_seconds()), pooled(by_second, run.seconds())
    made, failed, causes = whole.count(OK), whole.failed, whole.lost_connections
    lost = sum(causes.values())
    return ConnectionsFacts(
        attempts=count(whole.count(OFFERED)),
        established=count(made),
        reconnected=count(whole.count(RECONNECTED)),
        cut_off=count(whole.count(CUT_OFF)),
        failed=count(failed),
        failed_share=_share(failed, made + failed),
        failures={kind: count(number) for kind, number in whole.failures.items()},
        lost=count(lost),
        drop_share=_share(lost, made),
        dropped={cause_in_words(cause): count(number) for cause, number in causes.items()},
        causes={cause: count(number) for cause, number in causes.items()},
        connect=latency(whole.histogram("connect")),
        ping=latency(steady.histogram("ping")),
        push=latency(steady.histogram("push")),
        pushes_received=count(steady.count(PUSHES)),
        pushes_lost=count(steady.count(LOST_PUSHES)),
        pushes_duplicated=count(steady.count(DUPLICATED)),
        pushes_out_of_order=count(steady.count(OUT_OF_ORDER)),
    )


def _share(part: int, whole: int) -> Figure:
    return figure(part / whole if whole else None, "ratio")


def _shared(share: Figure, kinds: Mapping[str, Figure]) -> str:
    named = "; ".join(f"{name} {number.text}" for name, number in kinds.items())
    return f" ({share.text}: {named})" if named else ""
