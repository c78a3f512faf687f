"""One run against a server that notes and counts what it does, and how quiet the machine was meanwhile."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.accuracy.comparison import Row
from benchmarks.accuracy.experiment import distrust_of, measure, truth_server
from benchmarks.pauses import Strangers, watching
from benchmarks.quiet import BUSY_CORES, Moment, cores_taken_by_others
from loadtests.result.run import ScenarioRun
from loadtests.result.rundir import read_run

__all__ = ["Counted", "counted_run"]


@dataclass(frozen=True, slots=True)
class Counted:
    """What the run left, where the server put its ledger, and what must be known to trust either."""

    ledger: Path
    run: ScenarioRun
    strangers: Strangers
    distrust: Sequence[str]
    others: float

    def marked(self, rows: Iterable[Row]) -> list[Row]:
        """The rows, with what must be known to trust them."""
        disturbed = self.others > BUSY_CORES
        return [replace(row, distrusted=bool(self.distrust), disturbed=disturbed) for row in rows]


@contextmanager
def counted_run(
    module: str, behaviour: dict[str, Any], plan: Callable[[int], str], *, engine_alone: bool = False
) -> Iterator[Counted]:
    """Measure the server of that module by the plan for its port; in the block its ledger can be read."""
    before = Moment.now()
    with TemporaryDirectory(prefix="accuracy-") as scratch:
        here = Path(scratch)
        ledger = here / "ledger.npz"
        with watching() as strangers, truth_server(module, behaviour, ledger) as port:
            (here / "plan.yaml").write_text(plan(port))
            measure(here, engine_alone=engine_alone)
        run, distrust = read_run(here / "run").scenarios[0], distrust_of(here / "run")
        yield Counted(ledger, run, strangers, distrust, cores_taken_by_others(before, Moment.now()))
