"""The blocks there are: one function a driver, which finds the driver's facts in a run, or none."""

from collections.abc import Callable

from loadtests.report.agent import agents
from loadtests.report.block import Block
from loadtests.report.connections import connections
from loadtests.report.database import database
from loadtests.report.locust import users_of_locust
from loadtests.result.run import ScenarioRun

__all__ = ["BLOCKS", "blocks_of"]

BLOCKS: dict[str, Callable[[ScenarioRun], Block | None]] = {
    "connections": connections,
    "locust": users_of_locust,
    "database": database,
    "agents": agents,
}
"""By key. A scenario of report.json has every key, null where the block does not apply."""


def blocks_of(run: ScenarioRun) -> tuple[Block, ...]:
    """What the drivers have to say of a run."""
    found = (find(run) for find in BLOCKS.values())
    return tuple(block for block in found if block is not None)
