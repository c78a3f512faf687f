"""Round trips, and all that can go wrong with them though the connection holds."""

import asyncio
import json
from contextlib import suppress

import pytest
from websocket_engine import BY_ID, ECHO, closed, drive, echo, opened, run, scenario, serving
from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosed

from loadtests.plan.model import Feeder
from loadtests.plan.protocol.http import Check
from loadtests.plan.protocol.websocket import Match, Message, Sequenced, WebsocketOperation, WebsocketSettings
from loadtests.result.window import (
    CONNECTIONS,
    DUPLICATED,
    EXPECTED,
    LATE,
    LOST_PUSHES,
    OFFERED,
    OK,
    OUT_OF_ORDER,
    PUSHES,
    RECEIVED,
    RESPONSE_OK,
    UNEXPECTED,
)

BY_NUMBER = WebsocketSettings(match=BY_ID)


@pytest.mark.parametrize(
    ("operation", "settings"),
    [
        (ECHO, WebsocketSettings()),
        (ECHO, BY_NUMBER),
        (ECHO, WebsocketSettings(match=BY_ID, compression=True)),
        (
            WebsocketOperation("echo", Message("text", "number={{message}};")),
            WebsocketSettings(match=Match("regex", r"number=(\d+);")),
        ),
        (WebsocketOperation("echo", Message("binary", b"\x00\xff\x80")), WebsocketSettings()),
        (WebsocketOperation("echo", Message("text", "ü" * 40_000)), WebsocketSettings(compression=True)),
        (WebsocketOperation("echo", Message("text", "x" * 200)), WebsocketSettings()),
    ],
    ids=["by order", "by json", "compressed", "by regex", "binary", "large and compressed", "16-bit length"],
)
def test_every_message_comes_back(operation: WebsocketOperation, settings: WebsocketSettings) -> None:
    """Offered = answered, and each has a response time."""

    async def test() -> None:
        async with serving(echo) as url:
            driven = await drive(scenario(opened(rate=200.0, seconds=0.3), operation, settings=settings), url)
        tally = driven["echo"]
        assert (tally.count(OFFERED), tally.count(OK), tally.failed) == (60, 60, 0)
        assert tally.histogram(RESPONSE_OK).total == 60
        assert driven.connections.count(OK) == 2

    run(test)


def test_a_closed_load_keeps_one_message_in_flight_per_connection() -> None:
    """Each user waits for its answer on its own connection."""
    most: list[int] = []

    async def counting(connection: ServerConnection) -> None:
        async for message in connection:
            await asyncio.sleep(0.02)
            most.append(len(connection.recv_messages.frames))
            await connection.send(message)

    async def test() -> None:
        async with serving(counting) as url:
            driven = await drive(scenario(closed(3, seconds=0.3), ECHO), url)
        tally = driven["echo"]
        assert tally.count(OK) == tally.count(OFFERED) > 15
        assert tally.failed == 0
        assert max(most) == 0

    run(test)


async def _sent_unless_closed(connection: ServerConnection, message: str | bytes) -> None:
    with suppress(ConnectionClosed):
        await connection.send(message)


def _meddling(kind: str):  # type: ignore[no-untyped-def]
    async def serve(connection: ServerConnection) -> None:
        held = None
        async for message in connection:
            number = json.loads(message)["id"]
            if int(number) % 5 or kind == "none":
                await connection.send(message)
                if held is not None:
                    await connection.send(held)
                    held = None
            elif kind == "duplicate":
                await connection.send(message)
                await connection.send(message)
            elif kind == "reorder":
                held = message
            elif kind == "late":
                asyncio.get_running_loop().call_later(
                    0.2, lambda it=message: asyncio.ensure_future(_sent_unless_closed(connection, it))
                )
            elif kind == "stranger":
                await connection.send(message)
                await connection.send('{"id": "nobody"}')

    return serve


@pytest.mark.parametrize(
    ("sentence", "kind", "expected"),
    [
        ("one in five is lost", "lose", {"lost": 20}),
        ("one in five comes twice", "duplicate", {DUPLICATED: 20}),
        ("one in five comes after the next", "reorder", {OUT_OF_ORDER: 20}),
        ("one in five comes when it has been given up", "late", {"lost": 20, LATE: 20}),
        ("one in five is followed by an answer to nothing", "stranger", {UNEXPECTED: 20}),
        ("nothing happens", "none", {}),
    ],
)
def test_what_happens_to_messages_is_counted_exactly(sentence: str, kind: str, expected: dict[str, int]) -> None:
    async def test() -> None:
        what = scenario(
            opened(1, rate=250.0, seconds=0.4), ECHO, settings=BY_NUMBER, timeout=0.1 if kind == "late" else 0.3
        )
        async with serving(_meddling(kind)) as url:
            driven = await drive(what, url)
        tally = driven["echo"]
        assert tally.count(OFFERED) == 100
        assert tally.count(OK) == 100 - expected.get("lost", 0)
        assert tally.failures.get("lost", 0) == expected.get("lost", 0)
        for counter in (DUPLICATED, OUT_OF_ORDER):
            assert tally.count(counter) == expected.get(counter, 0), counter
        assert driven.connections.count(UNEXPECTED) == expected.get(UNEXPECTED, 0)
        if kind == "late":  # those of the last 0.2 s come when the run is over
            assert 7 <= tally.count(LATE) <= 20

    run(test)


def test_a_wrong_answer_fails_its_check() -> None:
    """The check is of the answer, with the execution's own values."""

    async def wrong(connection: ServerConnection) -> None:
        async for message in connection:
            document = json.loads(message)
            document["user"] = "somebody" if document["user"] == "u1" else document["user"]
            await connection.send(json.dumps(document))

    operation = WebsocketOperation(
        "ask", Message("json", {"id": "{{message}}", "user": "{{user}}"}), check=Check(json={"user": "{{user}}"})
    )

    async def test() -> None:
        what = scenario(
            opened(rate=100.0, seconds=0.2), operation, settings=BY_NUMBER, data={"user": Feeder(("u0", "u1"))}
        )
        async with serving(wrong) as url:
            driven = await drive(what, url)
        assert (driven["ask"].count(OK), driven["ask"].failures) == (10, {"check": 10})
        assert any("somebody" in sample.message for sample in driven.samples)

    run(test)


def test_a_series_of_events_ends_with_its_last_and_times_the_first() -> None:
    async def agent(connection: ServerConnection) -> None:
        async for message in connection:
            number = json.loads(message)["id"]
            for kind in ("started", "thinking", "completed"):
                await asyncio.sleep(0.02)
                await connection.send(json.dumps({"id": number, "type": kind}))

    operation = WebsocketOperation(
        "ask", Message("json", {"id": "{{message}}"}), expect="events", until={"type": "completed"}
    )

    async def test() -> None:
        async with serving(agent) as url:
            driven = await drive(scenario(closed(2, seconds=0.3), operation, settings=BY_NUMBER), url)
        tally = driven["ask"]
        first, whole = tally.histogram("first event"), tally.histogram(RESPONSE_OK)
        assert tally.count(OK) == first.total == whole.total > 4
        assert 19_000 <= (first.quantile_us(0.0001) or 0) < 57_000 <= (whole.quantile_us(0.0001) or 0)
        assert driven.connections.count(PUSHES) == 0

    run(test)


@pytest.mark.parametrize(("skips", "ok", "received"), [(False, 10, 40), (True, 0, 30)])
def test_a_broadcast_is_due_on_every_connection(skips: bool, ok: int, received: int) -> None:
    """Four listen; where one copy of each is missing, the reach is three quarters and each has failed as lost."""
    everyone: list[ServerConnection] = []

    async def shout(connection: ServerConnection) -> None:
        everyone.append(connection)
        async for message in connection:
            broadcast(everyone[1:] if skips else everyone, message)

    operation = WebsocketOperation("shout", Message("json", {"id": "{{message}}"}), expect="broadcast")

    async def test() -> None:
        what = scenario(opened(4, senders=1, rate=50.0, seconds=0.2), operation, settings=BY_NUMBER)
        async with serving(shout) as url:
            driven = await drive(what, url)
        tally = driven["shout"]
        early = tally.count(EXPECTED)  # the first may be sent before all four are open
        assert 36 <= early <= 40
        assert tally.count(OK) == ok
        assert received - 4 <= tally.count(RECEIVED) <= received
        assert tally.histogram("delivery").total == tally.count(RECEIVED)

    run(test)


def test_a_message_that_expects_nothing_is_done_when_sent() -> None:
    async def silent(connection: ServerConnection) -> None:
        async for _ in connection:
            pass

    async def test() -> None:
        operation = WebsocketOperation("note", Message("text", "hi"), expect="nothing")
        async with serving(silent) as url:
            driven = await drive(scenario(opened(rate=100.0, seconds=0.2), operation), url)
        assert driven["note"].count(OK) == 20

    run(test)


def test_pushes_are_followed_by_their_numbers() -> None:
    """Of 0 1 2 4 4 3 the 3 is lost and then late, one 4 is double."""

    async def push(connection: ServerConnection) -> None:
        for number in (0, 1, 2, 4, 4, 3):
            await connection.send(json.dumps({"seq": number, "sent": asyncio.get_running_loop().time() * 0}))
        await connection.wait_closed()

    async def test() -> None:
        settings = WebsocketSettings(pushes=Sequenced("seq", "sent"))
        async with serving(push) as url:
            driven = await drive(scenario(opened(3), settings=settings), url)
        tally = driven.connections
        assert tally.count(PUSHES) == 18
        assert (tally.count(LOST_PUSHES), tally.count(DUPLICATED), tally.count(OUT_OF_ORDER)) == (3, 3, 3)
        assert tally.histogram("push").total == 18

    run(test)


def test_greetings_tokens_headers_and_subprotocols_reach_the_server() -> None:
    seen: list[tuple[str | None, str | None, str | None, str]] = []

    async def meet(connection: ServerConnection) -> None:
        assert connection.request is not None
        headers = connection.request.headers
        greeting = await connection.recv()
        seen.append((headers.get("authorization"), headers.get("x-user"), connection.subprotocol, str(greeting)))
        await connection.wait_closed()

    async def test() -> None:
        settings = WebsocketSettings(
            path="?mode=x",
            headers={"x-user": "{{user}}"},
            bearer="hush-hush",
            subprotocols=("one", "two"),
            on_open=(Message("json", {"type": "subscribe", "as": "{{user}}"}),),
        )
        what = scenario(opened(2), settings=settings, data={"user": Feeder(("ann", "bob"))})
        async with serving(meet, subprotocols=["two"]) as url:
            await drive(what, url)
        assert sorted(seen) == [
            ("Bearer hush-hush", user, "two", f'{{"type":"subscribe","as":"{user}"}}') for user in ("ann", "bob")
        ]

    run(test)


def test_pings_are_answered_and_timed_both_ways() -> None:
    async def pinging(connection: ServerConnection) -> None:
        for _ in range(3):
            await (await connection.ping())
        await connection.send("done")
        await connection.wait_closed()

    async def test() -> None:
        async with serving(pinging) as url:
            driven = await drive(scenario(opened(2), settings=WebsocketSettings(ping_ns=50_000_000)), url)
        assert driven.connections.count(PUSHES) == 2
        assert driven.connections.histogram("ping").total >= 8
        assert not driven.connections.lost_connections

    run(test)


def test_shards_share_out_the_connections() -> None:
    async def test() -> None:
        async with serving(echo) as url:
            what = scenario(opened(5, rate=100.0, seconds=0.2), ECHO, settings=BY_NUMBER)
            parts = [await drive(what, url, shard=shard, shards=2) for shard in range(2)]
        assert [part.connections.count(OK) for part in parts] == [3, 2]
        assert sum(part["echo"].count(OK) for part in parts) == 20
        assert CONNECTIONS in parts[0].tallies

    run(test)
