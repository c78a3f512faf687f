"""One protocol each. A driver turns an execution that is due into traffic and reports how it ended."""

from loadtests.drive.drivers.base import Driver, Surroundings

__all__ = ["make_driver"]


def make_driver(surroundings: Surroundings) -> Driver:
    """The driver that the scenario names; each protocol's client library is imported only when it is used."""
    if surroundings.scenario.driver == "null":
        from loadtests.drive.drivers.null import NullDriver

        return NullDriver(surroundings)
    if surroundings.scenario.driver == "websocket":
        from loadtests.drive.drivers.websocket import WebsocketDriver

        return WebsocketDriver(surroundings)
    if surroundings.scenario.driver == "database":
        from loadtests.drive.drivers.database import DatabaseDriver

        return DatabaseDriver(surroundings)
    if surroundings.scenario.driver == "agent":
        from loadtests.drive.drivers.agent import AgentDriver

        return AgentDriver(surroundings)
    from loadtests.drive.drivers.http import HttpDriver

    return HttpDriver(surroundings)
