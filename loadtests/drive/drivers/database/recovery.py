"""Bringing a session back to idle after a timeout or a failed transaction, before it is used again."""

from typing import TYPE_CHECKING

from loadtests.drive.drivers.database.connection import Connection, Waiting
from loadtests.drive.drivers.database.messages import IDLE, query
from loadtests.drive.drivers.failure import Failure

if TYPE_CHECKING:
    from loadtests.drive.drivers.database.pool import Pool

__all__ = ["Recovery", "unresponsive"]


class Recovery(Waiting):
    """Waits until a session is idle again.

    A request to cancel may come late and hit what follows. So one that was sent is waited for, and an empty query
    after it takes the blow. `connection.kept` is true while the request is under way.
    """

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool

    def answered(self, connection: Connection, piece: bytes) -> None:  # noqa: ARG002
        """See `Waiting`."""
        connection.step = connection.answer.status
        connection.answer.begin()
        if connection.kept is True:  # until the request has been dealt with
            connection.kept = "answered"
        elif connection.step != IDLE:
            connection.write(query("ROLLBACK"))
        else:
            self._pool.recovered(connection)

    def cancelled(self, connection: Connection) -> None:
        """The server has taken the request to cancel."""
        if connection.waiting is not self:
            return
        answered, connection.kept = connection.kept == "answered", None
        if answered:
            connection.write(query("" if connection.step == IDLE else "ROLLBACK"))


def unresponsive(connection: Connection) -> None:
    """Give up a session that did not come back in time."""
    connection.end(Failure("unresponsive", "the session did not end what was cancelled"))
