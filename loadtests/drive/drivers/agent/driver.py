"""The agent driver: which executions are under way, over which connections, and until when."""

import os
import resource
import time

from loadtests.drive.drivers.agent.dialect import dialect
from loadtests.drive.drivers.agent.execution import Execution
from loadtests.drive.drivers.agent.stream import StreamConnection
from loadtests.drive.drivers.agent.work import Work
from loadtests.drive.drivers.base import Driver, Surroundings
from loadtests.drive.drivers.deadlines import Deadlines
from loadtests.drive.drivers.http.network import Network
from loadtests.drive.drivers.http.pool import Pool
from loadtests.plan.protocol.agent import AgentOperation
from loadtests.result.window import NUMBER_NS

__all__ = ["AgentDriver"]


class AgentDriver(Driver):
    """Whole executions from the intended start to the last byte of the last turn.

    The execution limit counts from the actual start, over all turns, refusals and waits.
    """

    pool: Pool

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self._network = Network(surroundings, StreamConnection)
        self._deadlines: dict[int, Deadlines[Execution]] = {}
        speech = dialect(surroundings.scenario.agent)
        token = f"{time.time_ns():x}{os.getpid():x}"
        operations = [one for one in surroundings.scenario.operations if isinstance(one, AgentOperation)]
        self._works = [Work(surroundings, one, speech, token=token) for one in operations]
        self._at_work = 0

    async def open(self) -> None:
        """See `Driver.open`; raises also `HostNotAllowed`."""
        _raise_file_limit()
        for work in self._works:
            origin = work.compiled[0].origin
            assert origin is not None
            await self._network.reach(origin)
            self.pool = await self._network.pool(origin)
            work.compile()
            if work.timeout_ns not in self._deadlines:
                self._deadlines[work.timeout_ns] = Deadlines(self.clock, work.timeout_ns, Execution.expire)
        for deadlines in self._deadlines.values():
            deadlines.begin()
        self._network.begin()

    def fire(self, operation: int, index: int, intended_ns: int, user: int) -> None:
        """See `Driver.fire`."""
        work = self._works[operation]
        execution = Execution(self, work, index, intended_ns, user)
        self._deadlines[work.timeout_ns].pending[execution] = self.clock.now()
        execution.begin()

    def limit_ns(self, execution: Execution) -> int:
        """When the execution will be given up."""
        limit_ns = execution.timeout_ns
        return self._deadlines[limit_ns].pending[execution] + limit_ns

    def works(self, step: int) -> int:
        """One more, or one less, is being worked on; how many that makes, as a histogram holds numbers."""
        self._at_work += step
        return self._at_work * NUMBER_NS

    def ended_one(self, execution: Execution) -> None:
        """It is booked."""
        self._deadlines[execution.timeout_ns].pending.pop(execution, None)
        self.finished(execution.user)

    def cut_off(self) -> None:
        """See `Driver.cut_off`."""
        for deadlines in self._deadlines.values():
            for execution in tuple(deadlines.pending):
                execution.cut_off()
            deadlines.stop()

    async def close(self) -> None:
        """See `Driver.close`."""
        for deadlines in self._deadlines.values():
            deadlines.stop()
        await self._network.close()


def _raise_file_limit() -> None:
    """Every execution has a connection of its own: as many files as this machine allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
