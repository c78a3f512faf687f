"""One side of a comparison: the name it was asked for by, and the runs it stands for."""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.judge.record import RunRecord

__all__ = ["Operand"]


@dataclass(frozen=True, slots=True)
class Operand:
    """`records` are of one run or of many, each with one or more scenarios, oldest first."""

    name: str
    records: Sequence[RunRecord]

    @property
    def scenarios(self) -> list[str]:
        """The scenarios that any of the runs holds, in the order of their first run."""
        return list(dict.fromkeys(record.scenario for record in self.records))

    @property
    def builds(self) -> list[str]:
        """The builds measured."""
        return list(dict.fromkeys(record.build for record in self.records))

    def of(self, scenario: str) -> list[RunRecord]:
        """The records of one scenario: one a run."""
        return [record for record in self.records if record.scenario == scenario]
