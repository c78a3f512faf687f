"""The held connections of a scenario for the page: how many were made and lost and why, their times, their messages."""

import re

from loadtests.report.measures import latency
from loadtests.report.page import ConnectionsFacts
from loadtests.report.wording import Figure, count, figure
from loadtests.result.run import ScenarioRun, pooled
from loadtests.result.window import CUT_OFF, DUPLICATED, LOST_PUSHES, OFFERED, OK, OUT_OF_ORDER, PUSHES, RECONNECTED

__all__ = ["cause_in_words", "connections"]

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
