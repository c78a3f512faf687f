"""What the endpoints share, in one value."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from starlette.responses import Response

from loadtests.target.agents.archive import Archive
from loadtests.target.agents.service import CAPACITY, WORKERS, Agents
from loadtests.target.call import Call
from loadtests.target.database.pool import Database
from loadtests.target.dial import Dial
from loadtests.target.faults import NO_FAULTS, Faults
from loadtests.target.logs import Log
from loadtests.target.metrics import Metrics
from loadtests.target.postgres.attached import Attachment
from loadtests.target.users import Tokens

__all__ = ["Backend", "Endpoint", "new_backend", "turn_dial"]


@dataclass(frozen=True, slots=True)
class Backend:
    """The parts of one running target."""

    dial: Dial
    metrics: Metrics
    log: Log
    agents: Agents
    tokens: Tokens
    database: Database | None


Endpoint: TypeAlias = Callable[[Backend, Call], Awaitable[Response]]


def new_backend(
    faults: Faults = NO_FAULTS,
    *,
    log: Log | None = None,
    attached: Attachment | None = None,
    workers: int = WORKERS,
    capacity: int = CAPACITY,
) -> Backend:
    """A backend with nothing counted yet; without a log, or an attached database, it has none."""
    dial, metrics, log = Dial(), Metrics(), Log(None) if log is None else log
    agents = Agents(dial.agents, metrics, log, workers=workers, capacity=capacity)
    dial.turn(faults)
    database = None if attached is None else Database(attached, metrics)
    if database is not None:
        agents.ledger.archive = Archive(database)
    return Backend(dial, metrics, log, agents, Tokens(), database)


async def turn_dial(backend: Backend, faults: Faults) -> None:
    """Turn every part of the dial; raises `ValueError` for what the database cannot do, and then turns none."""
    if backend.database is not None:
        await backend.database.dial.turn(faults.database)
    elif faults.database is not None:
        raise ValueError("expected nothing, as the target has no database; start it with --database")
    backend.dial.turn(faults)
