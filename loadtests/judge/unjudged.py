"""What is too bad to pass in silence, though no threshold speaks of it."""

from collections.abc import Iterator, Sequence

from loadtests.judge.observed import executions
from loadtests.judge.wording import amount
from loadtests.plan.model import Threshold
from loadtests.result.run import ScenarioRun, pooled
from loadtests.result.window import DROPPED, OFFERED, OK

__all__ = ["UNJUDGED_SHARE", "unjudged"]

UNJUDGED_SHARE = 0.01
"""Share of drops, of failures, or of connections lost or never made, above which a scenario cannot pass unless a
threshold speaks of them."""


def unjudged(run: ScenarioRun, thresholds: Sequence[Threshold]) -> list[str]:
    """What is too bad to pass in silence: drops or failures over 1% that no threshold speaks of."""
    arrivals = run.steady(executions(run))
    found = []
    drops, offered = arrivals.count(DROPPED), arrivals.count(OFFERED)
    if drops > UNJUDGED_SHARE * offered and not any(threshold.metric == "drops" for threshold in thresholds):
        held = run.scenario.driver == "websocket"  # there a drops threshold speaks of connections
        judge = "no threshold can judge that here" if held else "no drops threshold judges them"
        found.append(
            f"{amount(drops / offered, 'ratio')} of the arrivals were dropped and {judge}: "
            "the latencies are those of the admitted ones only"
        )
    judged = {threshold.operation for threshold in thresholds if threshold.metric in ("errors", "success")}
    rest = [] if None in judged else [name for name in run.total_names() if name not in judged]
    tally = run.steady(rest)
    if tally.failed > UNJUDGED_SHARE * (tally.failed + tally.count(OK)):
        share = amount(tally.failed / (tally.failed + tally.count(OK)), "ratio")
        found.append(f"{share} of the executions failed and no errors threshold judges them")
    return [*found, *_unjudged_connections(run, {threshold.metric for threshold in thresholds})]


def _unjudged_connections(run: ScenarioRun, judged: set[str]) -> Iterator[str]:
    held = pooled(run.connections_by_second(), run.recorded_seconds())
    made, lost, failed = held.count(OK), sum(held.lost_connections.values()), held.failed
    if failed > UNJUDGED_SHARE * (made + failed) and "connect failures" not in judged:
        share = amount(failed / (made + failed), "ratio")
        yield f"{share} of the connections could not be made and no connect failures threshold judges them"
    if lost > UNJUDGED_SHARE * made and "connection drops" not in judged:
        share = amount(lost / made, "ratio")
        yield f"{share} of the connections dropped before their time and no drops threshold judges them"
