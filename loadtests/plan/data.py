"""What a feeder gives to an execution: a pure function of the execution's index.

The index is the execution's number in the whole run, so any number of processes feeds the same values.
Columns of one table share a seed, so all of them come from the same row.
"""

from collections.abc import Iterable, Mapping

from loadtests.plan.chance import uniform
from loadtests.plan.model import Feeder

__all__ = ["row", "value"]


def value(feeder: Feeder, index: int) -> str:
    """The text that execution `index` gets: in turn, starting over at the end, or drawn with replacement."""
    values = feeder.values
    if feeder.order == "random":
        return str(values[int(uniform(feeder.seed, index) * len(values))])
    return str(values[index % len(values)])


def row(data: Mapping[str, Feeder], names: Iterable[str], index: int) -> dict[str, str]:
    """The values of `names` for execution `index`; names without a feeder (extracted ones) are left out."""
    return {name: value(data[name], index) for name in names if name in data}
