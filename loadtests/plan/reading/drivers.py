"""The drivers a plan may name, and how what belongs to each is read."""

from collections.abc import Mapping

from loadtests.plan.model import DriverName
from loadtests.plan.reading import agent, database, http, locust, null, websocket
from loadtests.plan.reading.base import DriverReader

__all__ = ["DRIVERS"]

DRIVERS: Mapping[DriverName, DriverReader] = {
    "http": http.READER,
    "websocket": websocket.READER,
    "database": database.READER,
    "agent": agent.READER,
    "locust": locust.READER,
    "null": null.READER,
}
