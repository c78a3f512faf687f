"""What a driver is: the thing between the engine, which knows when, and the target, which knows what.

There is no object per execution. The engine calls `fire`; the driver does its traffic with callbacks, records how the
execution ended on the operation's tape, and calls `finished` exactly once. Response time starts at `intended_ns`,
service time at the moment the driver sends.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from loadtests.clock import Clock
from loadtests.drive.recorder import Recorder
from loadtests.plan.model import Scenario, Target

__all__ = ["Driver", "Start", "Surroundings"]

Start = Callable[[int, int, int], None]
"""Starts one execution: index, intended start, user, as in `Driver.fire`."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a driver is given: what to do, where to record, and the time."""

    scenario: Scenario
    target: Target
    recorder: Recorder
    clock: Clock
    secrets: tuple[str, ...] = ()
    shard: int = 0
    shards: int = 1


class Driver(ABC):
    """One protocol's way of executing the operations of a scenario in one engine process."""

    finished: Callable[[int], None]
    """Set by the engine; called with the `user` of `fire` once an execution has ended and is recorded."""

    def __init__(self, surroundings: Surroundings) -> None:
        self.scenario = surroundings.scenario
        self.target = surroundings.target
        self.recorder = surroundings.recorder
        self.clock = surroundings.clock

    async def open(self) -> None:  # noqa: B027 - most drivers need nothing
        """Make ready before the first arrival; raises `TargetUnreachable` when nothing answers."""

    def begin(self, start_ns: int) -> None:  # noqa: B027
        """The load starts at `start_ns` of the clock; called once, just before."""

    @abstractmethod
    def fire(self, operation: int, index: int, intended_ns: int, user: int) -> None:
        """Start one execution of `scenario.operations[operation]`; never waits.

        `index` is the execution's number in the whole run (feeders are functions of it). `user` is the closed
        model's user number, or -1 in the open model, and comes back through `finished`.
        """

    def starter(self, operation: int) -> Start:
        """`fire` of one operation, for the load loop; a driver that is open may have a shorter way to it."""
        return partial(self.fire, operation)

    def ended(self) -> None:  # noqa: B027
        """No further execution will be fired; those in flight may still end."""

    @abstractmethod
    def cut_off(self) -> None:
        """End every execution still running, recording each as cut off; `finished` is not called for them."""

    async def close(self) -> None:  # noqa: B027
        """Let go of connections; called after `cut_off` or when nothing runs any more."""
