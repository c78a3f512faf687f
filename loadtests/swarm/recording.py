"""The recording of one test of Locust's in one process: its requests, and how the process itself fares."""

from collections.abc import Callable
from typing import Any, ClassVar

from loadtests.drive.health import HealthProbe
from loadtests.drive.recorder import Recorder
from loadtests.result.run import FailureSample
from loadtests.result.window import Window
from loadtests.swarm.pulse import GeventClock
from loadtests.swarm.requests import RequestRecorder

__all__ = ["Recording"]


class Recording:
    """Listens to Locust's events from `listen` on, and gives out windows between `begin` and `end`.

    `claimed`: this process is an engine process, so a locustfile that asks for a recorder of its own gets none.
    """

    claimed: ClassVar[bool] = False

    def __init__(
        self,
        scenario: str,
        process: str,
        *,
        emit: Callable[[Window], None],
        sample: Callable[[FailureSample], None],
        users: Callable[[], int],
    ) -> None:
        self.recorder = Recorder(scenario, process, emit=emit, sample=sample)
        self._requests = RequestRecorder(self.recorder)
        self._probe = HealthProbe(self.recorder, GeventClock(), in_flight=users)

    def listen(self, events: Any) -> None:
        """Hear of requests and of what goes wrong in tasks."""
        self._requests.listen(events)

    def begin(self, start_ns: int) -> None:
        """Second 0 starts at that instant, now or soon."""
        self.recorder.begin(start_ns)
        self._probe.begin(start_ns)

    def end(self, events: Any) -> int:
        """Give out what is left and hear no more; how many windows there were."""
        self._requests.leave(events)
        self._probe.end()
        self.recorder.close()
        return self.recorder.sequence
