"""All agents of one target: they begin executions, and know how many wait, work and have ended."""

import asyncio
import os
import time
from functools import cached_property

from loadtests.clock import LoopClock
from loadtests.target.agents.dial import AgentDial, Decided
from loadtests.target.agents.execution import Execution
from loadtests.target.agents.faults import AgentFaults
from loadtests.target.agents.ledger import Asker, Ledger, Run
from loadtests.target.agents.question import Question
from loadtests.target.agents.result import result_of
from loadtests.target.agents.spoiler import Spoiler
from loadtests.target.agents.workers import Workers
from loadtests.target.logs import Log
from loadtests.target.metrics import Metrics
from loadtests.target.provider.client import Provider

__all__ = ["CAPACITY", "WORKERS", "Agents"]

WORKERS, CAPACITY = 100, 200


class Agents:
    """Begins executions and keeps no history of them.

    An execution that asks for neither a complexity nor a stream, and for which nothing slow is dialled, is answered in
    place and takes microseconds: `quick` says so.
    """

    def __init__(
        self, dial: AgentDial, metrics: Metrics, log: Log, *, workers: int = WORKERS, capacity: int = CAPACITY
    ) -> None:
        self.provider = Provider()
        self.workers = Workers(workers, capacity)
        self.ledger = Ledger(metrics, log)
        self.under_way: set[asyncio.Task[object]] = set()
        self.stopping = False
        self._dial, self._metrics = dial, metrics
        self._prefix = f"run_{time.time_ns():x}_{os.getpid():x}"
        dial.turned = self._turned
        metrics.watch_agents(lambda: self.workers.queued, lambda: self.workers.running, lambda: self.workers.count)

    def quick(self, question: Question) -> bool:
        """Whether the answer takes no time."""
        return question.complexity is None and not question.stream and not self._dial.slow

    def begin_now(self, question: Question, asker: Asker) -> Execution | None:
        """An execution, if a worker is free this instant."""
        return self._begin(question, asker, 0) if self.workers.take() else None

    async def begin(self, question: Question, asker: Asker) -> Execution:
        """An execution, once its turn has come; raises `Refused` when it cannot wait."""
        return self._begin(question, asker, await self.workers.admit())

    def decide(self, execution: Execution) -> Decided:
        """How it will go."""
        return self._dial.decide(execution.complexity, execution.fate)

    def spoiler(self, execution: Execution, decided: Decided) -> Spoiler:
        """What is done to its telling."""
        return Spoiler(execution.fate, decided.pace.tokens, self.came_about)

    def came_about(self, fate: str) -> None:
        """Count a dialled fault that came about."""
        self._dial.counted[fate] += 1
        self._metrics.fault(f"agent_{fate}")

    async def until(self, due_ns: int) -> None:
        """Sleep until an instant of the monotonic clock."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._clock.at(due_ns, _wake, woken)
        await woken

    def status(self) -> dict[str, object]:
        """What waits, what runs, what has ended; `stored` is null when runs are only counted."""
        workers, archive = self.workers, self.ledger.archive
        return {
            "queued": workers.queued,
            "running": workers.running,
            **{str(outcome): count for outcome, count in self.ledger.counted.items()},
            "refused": workers.refused,
            "cleared": workers.cleared,
            "workers": workers.count,
            "capacity": workers.capacity,
            "oldest_queued_ms": round(workers.oldest_ns / 1e6, 3),
            "stored": None if archive is None else archive.stored,
            "not_stored": None if archive is None else archive.lost,
        }

    def clear(self) -> int:
        """Drop what is queued; the number dropped."""
        return self.workers.clear()

    def stop(self) -> None:
        """Begin nothing more, and let what is under way fail, so that its clients are told."""
        self.stopping = True
        self.workers.close()
        for task in list(self.under_way):
            task.cancel()
        self.provider.close()
        if "_clock" in self.__dict__:
            self._clock.close()

    @cached_property
    def _clock(self) -> LoopClock:
        return LoopClock(asyncio.get_running_loop())

    def _begin(self, question: Question, asker: Asker, queued_ns: int) -> Execution:
        fate = self._dial.fate()
        run_id = f"{self._prefix}_{self.ledger.begin()}"
        run = Run(question, result_of(question, run_id, fate), asker, time.time(), queued_ns=queued_ns)
        return Execution(self, question, run, fate=fate)

    def _turned(self, faults: AgentFaults) -> None:
        self.workers.stop_for(0 if faults.pause is None else faults.pause.ns)
        backlog = faults.backlog
        self.workers.burden(0, 0) if backlog is None else self.workers.burden(backlog.count, backlog.each_ns)


def _wake(woken: "asyncio.Future[None]") -> None:
    if not woken.done():
        woken.set_result(None)
