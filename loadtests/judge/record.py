"""One scenario of one run, reduced to what a comparison needs: merged counts, and what makes it comparable.

A record can be read off a stored run, or kept for years without it: `windows` is then `None`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from loadtests.judge.validity import examine
from loadtests.plan.model import Threshold
from loadtests.result.environment import comparability_digest, comparability_facts
from loadtests.result.run import Run, RunStatus, ScenarioRun, pooled
from loadtests.result.window import Tally

__all__ = ["RunRecord", "merged_record", "record_of", "records_of", "unusable"]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A scenario's steady interval of `steady_s` seconds, merged: each operation, and the `total` of them.

    `connections` are those held, over the whole run. `facts` must agree between runs that are compared.
    `invalid` is why the run cannot be judged. `windows` is the run second by second, where that is still known; without
    it a single run has no interval.
    """

    run_id: str
    build: str
    started_at: str
    scenario: str
    steady_s: float
    operations: Mapping[str, Tally]
    total: Tally
    connections: Tally
    thresholds: Sequence[Threshold]
    facts: Mapping[str, str]
    invalid: str | None = None
    windows: ScenarioRun | None = None

    @property
    def comparability(self) -> str:
        """Twelve hex digits that agree when the facts do."""
        return comparability_digest(self.facts)

    def tally(self, operation: str | None) -> Tally:
        """The merged tally of an operation, of all together when `None`; empty when it was not seen."""
        return self.total if operation is None else self.operations.get(operation, Tally())


def records_of(run: Run) -> tuple[RunRecord, ...]:
    """A record for every scenario of the run."""
    return tuple(record_of(run, scenario) for scenario in run.scenarios)


def record_of(run: Run, scenario: ScenarioRun) -> RunRecord:
    """The record of one of the run's scenarios."""
    seconds, name = scenario.seconds(), scenario.scenario.name
    return RunRecord(
        run_id=run.id,
        build=run.build,
        started_at=run.started_at,
        scenario=name,
        steady_s=scenario.judged_s,
        operations={each: pooled(scenario.by_second([each]), seconds) for each in scenario.operation_names()},
        total=pooled(scenario.by_second(scenario.total_names()), seconds),
        connections=pooled(scenario.connections_by_second(), scenario.recorded_seconds()),
        thresholds=scenario.scenario.thresholds,
        facts=comparability_facts(run.plan.document, run.environment, scenarios=[name]),
        invalid=unusable(scenario.status, examine(scenario).reasons),
        windows=scenario,
    )


def merged_record(side: Sequence[RunRecord]) -> RunRecord:
    """All runs of one side as one, by merged counts."""
    names = list(dict.fromkeys(name for record in side for name in record.operations))
    return replace(
        side[0],
        steady_s=math.fsum(record.steady_s for record in side),
        operations={name: Tally.merge(record.tally(name) for record in side) for name in names},
        total=Tally.merge(record.total for record in side),
        connections=Tally.merge(record.connections for record in side),
        windows=None,
    )


def unusable(status: RunStatus, reasons: Sequence[str]) -> str | None:
    """Why nothing can be said of the target from a scenario: how it ended, or what was wrong with the generator.

    Thresholds have no part in that.
    """
    if status == "running":
        return "it was never finished"
    if status == "interrupted":
        return "it was interrupted before its end"
    return reasons[0] if reasons else None
