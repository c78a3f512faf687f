"""Executions as HTTP answers: in one piece or as a stream, and what the fault dial makes of them.

A stream's head goes out when its execution has a worker; until then it is the endpoint that waits, so a full queue is
an ordinary 429. A client that goes away ends the wait, and the execution.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import orjson
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from loadtests.target.agents.execution import Event, Execution, Failed, Severed
from loadtests.target.agents.service import Agents
from loadtests.target.agents.voices import Voice

__all__ = ["CUT_EXTENSION", "PAGE", "Streamed", "cut", "spoilt", "while_there"]

CUT_EXTENSION = "loadtests.cut"
"""Key in the scope's `extensions` of a callable that closes the client's connection once all is written."""

PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>\n"
_STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
_T = TypeVar("_T")


class Streamed(Response):
    """An execution told step by step as it happens."""

    def __init__(self, agents: Agents, execution: Execution, voice: Voice) -> None:
        super().__init__()
        self._execution, self._voice = execution, voice
        self._decided = agents.decide(execution)
        self._spoiler = agents.spoiler(execution, self._decided)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream to the end, or until the client has gone."""
        await while_there(receive, self._tell(scope, send))

    async def _tell(self, scope: Scope, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _STREAM})
        voice, spoiler = self._voice, self._spoiler

        async def tell(event: Event, about: dict[str, object]) -> None:
            spoilt = event == "token" and spoiler.spoils()
            if words := voice.malformed() if spoilt else voice.tell(event, about):
                await send({"type": "http.response.body", "body": words, "more_body": True})

        last = b""
        try:
            await self._execution.run(self._decided, tell)
        except Failed as failed:
            last = voice.failed(failed)
        except Severed:
            cut(scope)
            return
        await send({"type": "http.response.body", "body": last})


class _Half(Response):
    """Promises the whole, sends half of it and closes."""

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send half."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})
        cut(scope)


def spoilt(agents: Agents, fate: str | None, document: object) -> Response | None:
    """The answer in one piece as the fault dial wants it; None where it wants nothing of it."""
    if fate == "html":
        agents.came_about("html")
        return Response(PAGE, media_type="text/html")
    if fate == "cut":
        agents.came_about("cut")
        return _Half(orjson.dumps(document), media_type="application/json")
    if fate == "malformed":
        agents.came_about("malformed")
        return Response(orjson.dumps(document)[:-1], media_type="application/json")
    return None


def cut(scope: Scope) -> None:
    """Close the connection as the server beneath allows; without such a server, as an error the client sees."""
    close = scope.get("extensions", {}).get(CUT_EXTENSION)
    if close is None:
        raise ConnectionAbortedError("the fault dial cut this answer off")
    close()


async def while_there(receive: Receive, work: Coroutine[Any, Any, _T]) -> _T:
    """What the work gives; cancels it and raises `ClientDisconnect` when the client goes away first."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        leaving.cancel()
        working.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
