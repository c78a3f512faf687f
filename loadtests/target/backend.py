"""What the endpoints share, in one value."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from starlette.responses import Response

from loadtests.target.agents import Agents
from loadtests.target.call import Call
from loadtests.target.dial import Dial
from loadtests.target.faults import NO_FAULTS, Faults
from loadtests.target.logs import Log
from loadtests.target.metrics import Metrics
from loadtests.target.users import Tokens

__all__ = ["Backend", "Endpoint", "new_backend"]


@dataclass(frozen=True, slots=True)
class Backend:
    """The parts of one running target."""

    dial: Dial
    metrics: Metrics
    log: Log
    agents: Agents
    tokens: Tokens


Endpoint: TypeAlias = Callable[[Backend, Call], Awaitable[Response]]


def new_backend(faults: Faults = NO_FAULTS, *, log: Log | None = None) -> Backend:
    """A backend with nothing counted yet; without a log it keeps none."""
    metrics = Metrics()
    return Backend(Dial(faults), metrics, Log(None) if log is None else log, Agents(metrics), Tokens())
