"""What the backend reads from its database: the same answers as `users` gives by arithmetic."""

from loadtests.target.database.pool import Database
from loadtests.target.users import Thread

__all__ = ["stored_thread", "stored_threads"]

_THREADS = "SELECT id, title, messages FROM threads WHERE user_id = $1 ORDER BY place"
_THREAD = "SELECT id, title, messages FROM threads WHERE user_id = $1 AND id = $2"


async def stored_threads(database: Database, user: int) -> tuple[Thread, ...]:
    """The threads of a user, in order."""
    return tuple(Thread(*row) for row in await database.rows("select", _THREADS, user))


async def stored_thread(database: Database, user: int, thread_id: str) -> Thread | None:
    """The thread of that id when it belongs to the user."""
    rows = await database.rows("select", _THREAD, user, thread_id)
    return Thread(*rows[0]) if rows else None
