"""An agent service as a script, and what the driver makes of it."""

import asyncio
import json
from typing import Any

from http_scripted import Outcome, Peer, S, Script, Seen, Server, driving, serving

from loadtests.drive.drivers.agent import AgentDriver
from loadtests.plan.model import Feeder, OpenLoad, Scenario, Stage, Threshold
from loadtests.plan.protocol.agent import PATHS, AgentOperation, AgentSettings, Api

STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
USERS = {"user": Feeder(("7", "8", "9"))}


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(name: str, document: object) -> bytes:
    """A named event as one chunk."""
    return chunk(f"event: {name}\ndata: {json.dumps(document)}\n\n".encode())


def token(text: str = " word") -> bytes:
    return event("token", {"text": text})


def delta(text: str | None, **more: Any) -> bytes:
    """A chunk of an OpenAI stream."""
    choice = {"index": 0, "delta": {"role": "assistant"} if text is None else {"content": text}}
    return chunk(b"data: " + json.dumps({"choices": [choice], **more}).encode() + b"\n\n")


DONE = chunk(b"data: [DONE]\n\n") + END


def completed(user: str = "7", **more: Any) -> bytes:
    return event("completed", {"status": "completed", "user_id": user, **more}) + END


def document(status: str, body: object, *headers: str, media: str = "application/json") -> bytes:
    """An answer that is no stream."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media}", f"Content-Length: {len(data)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def streaming(*pieces: bytes | float, ends: str = "open") -> Script:
    """A script that sends the pieces (a number is a pause in s) as a stream, then keeps, closes or resets."""

    async def script(peer: Peer) -> None:
        while await peer.request() is not None:
            peer.send(STREAM_HEAD)
            for piece in pieces:
                if isinstance(piece, bytes):
                    peer.send(piece)
                else:
                    await asyncio.sleep(piece)
            if ends == "open":
                continue
            await asyncio.sleep(0.02)
            peer.reset() if ends == "reset" else peer.close()
            return

    return script


def asking(**operation: Any) -> AgentOperation:
    return AgentOperation("ask", **{"prompts": ("reduce cost",), "user": "{{user}}", **operation})


def talk(
    api: Api = "stream", *operations: AgentOperation, thresholds: tuple[Threshold, ...] = (), **rest: Any
) -> Scenario:
    """A scenario of that way to talk; `rest` are settings, and `timeout` in seconds."""
    timeout = rest.pop("timeout", 3.0)
    return Scenario(
        "talk",
        "agent",
        OpenLoad((Stage(1.0, S, ramp=False),)),
        operations or (asking(),),
        thresholds,
        timeout_ns=round(timeout * S),
        data=USERS,
        agent=AgentSettings(**{"api": api, "path": PATHS[api], **rest}),
    )


async def outcome(script: Script, plan: Scenario, *, times: int = 1, cut_off: bool = False) -> tuple[Outcome, Server]:
    """Fire every operation `times` times in turn, one at a time; `cut_off` fires once and does not wait."""
    async with serving(script) as server:
        async with driving(plan, server.url, make=AgentDriver) as bench:
            for _ in range(times):
                for position in range(len(plan.operations)):
                    if cut_off:
                        bench.fire(position)
                        await asyncio.sleep(0.05)
                    else:
                        await bench.one(position)
        return bench.outcome(), server


def number(found: Outcome, histogram: str) -> float | None:
    """The greatest value of a histogram of plain numbers."""
    highest = found.tallies["ask"].histogram(histogram).max_us
    return None if highest is None else round(highest / 1000, 1)


def asked(seen: Seen) -> dict[str, Any]:
    """The JSON body of a request."""
    found: dict[str, Any] = json.loads(seen.body)
    return found
