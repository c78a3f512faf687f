"""The driver without a target: answers by a dialled law. It measures the engine itself, and tests the arithmetic.

The answer is exact by construction (`intended + law`), so the same seed gives the same histograms on any number of
processes; when the engine is late that shows in its start lag, not here.
"""

from loadtests.drive.drivers.base import Driver, Surroundings
from loadtests.law import spread
from loadtests.plan.protocol.null import NullOperation

__all__ = ["NullDriver"]


class NullDriver(Driver):
    """Executions that end `law` after their intended start; every k-th fails with kind `dialled` when told to."""

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self._operations = [o for o in self.scenario.operations if isinstance(o, NullOperation)]
        self._tapes = [self.recorder.tape(operation.name) for operation in self._operations]
        self._running: dict[int, tuple[int, int, int]] = {}

    def fire(self, operation: int, index: int, intended_ns: int, user: int) -> None:
        """See `Driver.fire`."""
        dialled = self._operations[operation]
        latency, limit = dialled.law.at(spread(index)), self.scenario.timeout_of(dialled)
        if latency == 0:
            self._record(operation, index, intended_ns, 0)
            self.finished(user)
            return
        self._running[index] = (operation, intended_ns, user)
        self.clock.at(intended_ns + min(latency, limit), self._answer, index)

    def cut_off(self) -> None:
        """See `Driver.cut_off`."""
        for operation, intended_ns, _ in self._running.values():
            self._tapes[operation].cut_off(intended_ns)
        self._running.clear()

    def _answer(self, index: int) -> None:
        running = self._running.pop(index, None)
        if running is None:  # cut off meanwhile
            return
        operation, intended_ns, user = running
        self._record(operation, index, intended_ns, self._operations[operation].law.at(spread(index)))
        self.finished(user)

    def _record(self, operation: int, index: int, intended_ns: int, latency_ns: int) -> None:
        dialled, tape = self._operations[operation], self._tapes[operation]
        limit = self.scenario.timeout_of(dialled)
        if latency_ns > limit:
            tape.failed("timeout", intended_ns, intended_ns, intended_ns + limit)
        elif dialled.fail_every is not None and index % dialled.fail_every == 0:
            tape.failed("dialled", intended_ns, intended_ns, intended_ns + latency_ns)
        else:
            tape.ok(intended_ns, intended_ns, intended_ns + latency_ns)
