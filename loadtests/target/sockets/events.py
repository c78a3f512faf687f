"""The socket mode `events`: executions asked for and told as messages, the same events as over HTTP.

    {"type": "execute", "id"?, "query", "user_id", "thread_id"?, "complexity"?} ▸ {"type": "started", "id", …}, then
    phase, tool, token as they come, and at last completed or error; docs/agents.md says what is in each

`id` is in each of them as sent; executions of one connection run side by side. What takes no time is told as one
answer, so the socket dial gives all its events one fate; otherwise each event is an answer of its own. Refusals are
errors of the kind "refused". A connection that goes away takes its executions along.
"""

import asyncio
from typing import Any

import orjson
from websockets.frames import TEXT, Opcode

from loadtests.target.agents.execution import Event, Execution, Failed, Severed
from loadtests.target.agents.question import Question, read_question
from loadtests.target.agents.responses import PAGE
from loadtests.target.backend import Backend
from loadtests.target.call import Refused
from loadtests.target.sockets.connection import Answer, Connection
from loadtests.target.sockets.modes import read_document

__all__ = ["Events"]

_MALFORMED = b'{"type": "token", "text": '


class Events:
    """Executes queries and tells how they go; a connection's `state` is the set of its executions under way."""

    def __init__(self, backend: Backend) -> None:
        self._agents = backend.agents

    def opened(self, connection: Connection) -> None:
        """Nothing is under way."""
        connection.state = set()

    def message(self, connection: Connection, opcode: Opcode, data: bytes) -> None:
        """One execution."""
        asked = read_document(opcode, data)
        number = asked.get("id")
        if asked.get("type") != "execute":
            connection.offer(_error(number, "refused", 'type: expected "execute"'))
            return
        try:
            question = read_question(asked)
        except Refused as refused:
            connection.offer(_error(number, "refused", refused.reason))
            return
        connection.user_id, connection.thread_id = f"user_{question.user}", question.thread_id
        execution = self._agents.begin_now(question, connection) if self._agents.quick(question) else None
        if execution is not None:
            self._tell_whole(connection, number, execution)
            return
        task = asyncio.get_running_loop().create_task(self._run(connection, number, question))
        under_way = _under_way(connection)
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    def left(self, connection: Connection) -> None:
        """Nobody hears them any more."""
        for task in list(_under_way(connection)):
            task.cancel()

    def _tell_whole(self, connection: Connection, number: object, execution: Execution) -> None:
        fate = execution.fate
        if fate == "html":
            self._displace(connection, execution)
            return
        words = [_words(number, event, about) for event, about in execution.series()]
        middle = len(words) // 2
        if fate == "malformed":
            self._agents.came_about(fate)
            words[middle] = _MALFORMED
        if fate == "cut":
            words = words[:middle]
        connection.offer(Answer(*((TEXT, word) for word in words)))
        if fate == "cut":
            self._cut(connection)

    async def _run(self, connection: Connection, number: object, question: Question) -> None:
        try:
            execution = self._agents.begin_now(question, connection) or await self._agents.begin(question, connection)
        except Refused as refused:
            connection.offer(_error(number, "refused", refused.reason))
            return
        if execution.fate == "html":
            self._displace(connection, execution)
            return
        decided = self._agents.decide(execution)
        spoiler = self._agents.spoiler(execution, decided)

        async def tell(event: Event, about: dict[str, object]) -> None:
            spoilt = event == "token" and spoiler.spoils()
            connection.offer(Answer((TEXT, _MALFORMED if spoilt else _words(number, event, about))))

        try:
            await execution.run(decided, tell)
        except Failed as failed:
            connection.offer(_error(number, failed.kind, failed.reason))
        except Severed:
            self._cut(connection)

    def _displace(self, connection: Connection, execution: Execution) -> None:
        execution.displaced()
        self._agents.came_about("html")
        connection.offer(Answer((TEXT, PAGE)))

    def _cut(self, connection: Connection) -> None:
        """Without a closing handshake."""
        connection.cause = "fault dial"
        connection.transport.close()


def _under_way(connection: Connection) -> set[asyncio.Task[Any]]:
    assert isinstance(connection.state, set)
    return connection.state


def _words(number: object, event: str, about: dict[str, object]) -> bytes:
    return orjson.dumps({**about, "type": event, "id": number})


def _error(number: object, kind: str, reason: str) -> Answer:
    return Answer((TEXT, _words(number, "error", {"kind": kind, "reason": reason})))
