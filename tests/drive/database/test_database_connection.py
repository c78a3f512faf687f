"""How a session ends, as it is told by what came on it: no server, no socket."""

import struct
from collections.abc import Sequence

import pytest

from loadtests.drive.drivers.database.connection import Connection
from loadtests.drive.drivers.failure import Failure


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">I", len(body) + 4) + body


ANSWER = message(b"2", b"") + message(b"C", b"SELECT 0\0") + message(b"Z", b"I")
SHUTDOWN = message(b"E", b"SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0")
ERROR = message(b"E", b"SERROR\0VERROR\0C22012\0Mdivision by zero\0\0") + message(b"Z", b"I")


class PoolOfOne:
    """Notes why its session ended."""

    def __init__(self) -> None:
        self.received_bytes = 0
        self.failure: Failure | None = None

    def gone(self, _connection: Connection, failure: Failure) -> bool:
        self.failure = failure
        return True


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        pytest.param([SHUTDOWN], "admin_shutdown", id="the server's last word"),
        pytest.param([ANSWER + SHUTDOWN], "admin_shutdown", id="that came together with an answer"),
        pytest.param([ANSWER + SHUTDOWN[:9], SHUTDOWN[9:]], "admin_shutdown", id="in pieces"),
        pytest.param([ANSWER + SHUTDOWN[:9]], "reset", id="that was cut off"),
        pytest.param([ERROR], "reset", id="an error that does not end a session is not why it ended"),
        pytest.param([ANSWER + b"\0\0\0\0\0\0"], "reset", id="what is no message after an answer"),
        pytest.param([], "reset", id="no word"),
    ],
)
def test_a_session_ends_with_the_servers_last_word(pieces: Sequence[bytes], kind: str) -> None:
    pool = PoolOfOne()
    connection = Connection(pool)  # type: ignore[arg-type]
    for piece in pieces:
        connection.data_received(piece)
    connection.connection_lost(None)
    assert pool.failure is not None
    assert pool.failure.kind == kind
