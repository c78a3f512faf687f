"""Journeys: each request is an operation of its own, the journey is good if all are, and nothing in it ends the run."""

import asyncio
import gzip

import http_journeys
import pytest
from http_scripted import (
    MS,
    OK,
    Outcome,
    Peer,
    Run,
    Seen,
    Server,
    answering,
    driving,
    outcome_of,
    scenario,
    serving,
)

from loadtests.plan.model import Feeder
from loadtests.plan.protocol.http import Body, Check, Extract, HttpOperation, HttpSettings, Request, Step


def answer(body: bytes = b"", *headers: str, status: str = "200 OK") -> bytes:
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 {status}\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def journey(function: str, **rest: object) -> HttpOperation:
    return HttpOperation("shop", journey=f"http_journeys:{function}", **rest)  # type: ignore[arg-type]


def step(name: str, path: str, **rest: object) -> Step:
    how = {key: rest.pop(key) for key in ("extract", "think_ns", "timeout_ns") if key in rest}
    return Step(name, Request(rest.pop("method", "GET"), path, **rest), **how)  # type: ignore[arg-type]


def counts(outcome: Outcome) -> dict[str, tuple[int, dict[str, int]]]:
    return {name: (tally.count("ok"), tally.failures) for name, tally in sorted(outcome.tallies.items())}


@pytest.fixture(autouse=True)
def no_notes() -> None:
    http_journeys.notes.clear()


LOGIN = (
    step(
        "login",
        "/login/{{user}}",
        extract={
            "id": Extract("json", "users.0.id"),
            "tag": Extract("header", "ETag"),
            "key": Extract("regex", r"key=(\w+)"),
            "whole": Extract("regex", r"key=\w+"),
        },
    ),
    step(
        "use",
        "/use/{{id}}?t={{tag}}",
        method="POST",
        headers={"X-Key": "{{key}} {{whole}}"},
        body=Body("json", {"user": "{{user}}"}),
        check=Check(json={"id": "{{id}}"}),
    ),
)


def _login(seen: Seen) -> bytes:
    if seen.target.startswith("/login"):
        return answer(gzip.compress(b'{"users": [{"id": 42}], "x": "key=abc"}'), "ETag: W1", "Content-Encoding: gzip")
    return answer(b'{"id": 42}')


def test_a_step_uses_what_earlier_steps_extracted(run_on_both: Run) -> None:
    """By JSON path, header and regex (group or whole match), also from a compressed body."""

    async def test() -> None:
        operation = HttpOperation("shop", steps=LOGIN)
        data = {"user": Feeder(("ada",))}
        outcome, server = await outcome_of(answering(_login), operation, times=2, data=data)
        assert counts(outcome) == {"shop": (2, {}), "shop/login": (2, {}), "shop/use": (2, {})}
        used = server.seen[1]
        assert (used.target, used.headers["x-key"], used.body) == ("/use/42?t=W1", "abc key=abc", b'{"user":"ada"}')
        assert server.connections == 1

    run_on_both(test)


@pytest.mark.parametrize(
    ("extract", "reason"),
    [
        pytest.param(
            Extract("json", "users.1.id"), "json users.1.id finds nothing", id="a JSON path that is not there"
        ),
        pytest.param(Extract("json", "none"), "finds nothing", id="a null"),
        pytest.param(Extract("header", "X-None"), "header X-None finds nothing", id="a header that is not there"),
        pytest.param(Extract("regex", "nope(.)"), "regex nope(.) finds nothing", id="a pattern that does not match"),
    ],
)
def test_a_step_with_nothing_to_extract_fails_as_a_check(run: Run, extract: Extract, reason: str) -> None:
    """The step and the journey fail, and the next step does not happen."""
    steps = (step("login", "/", extract={"id": extract}), step("use", "/{{id}}"))

    async def test() -> None:
        script = answering(answer(b'{"users": [], "none": null}'))
        outcome, server = await outcome_of(script, HttpOperation("shop", steps=steps))
        assert counts(outcome) == {"shop": (0, {"check": 1}), "shop/login": (0, {"check": 1})}
        assert reason in outcome.samples[0].message
        assert len(server.seen) == 1

    run(test)


def test_a_journey_ends_at_its_first_failing_step_with_its_kind(run: Run) -> None:
    """The third step is never offered; the journey has the second's kind."""
    steps = (step("a", "/a"), step("b", "/b"), step("c", "/c"))

    async def test() -> None:
        script = answering(OK, answer(status="503 Busy"), OK, OK, OK)
        outcome, _ = await outcome_of(script, HttpOperation("shop", steps=steps), times=2)
        assert counts(outcome) == {
            "shop": (1, {"status_5xx": 1}),
            "shop/a": (2, {}),
            "shop/b": (1, {"status_5xx": 1}),
            "shop/c": (1, {}),
        }

    run(test)


def test_thinking_is_in_the_journey_and_in_no_step(run: Run) -> None:
    """Two steps of 10 ms with 50 ms of thought before the second; how late a step starts is in its response time."""

    async def script(peer: Peer) -> None:
        while await peer.request():
            await asyncio.sleep(0.01)
            peer.send(OK)

    async def test() -> None:
        steps = (step("a", "/"), step("b", "/", think_ns=(50 * MS, 50 * MS)))
        outcome, _ = await outcome_of(script, HttpOperation("shop", steps=steps))
        whole, second = (outcome.tallies[name].histogram("response.ok").max_us for name in ("shop", "shop/b"))
        assert whole >= 67_000
        assert 8_000 <= second < 45_000

    run(test)


def test_a_step_times_out_by_itself(run: Run) -> None:
    """Its own timeout, or the operation's; thinking does not count."""

    async def script(peer: Peer) -> None:
        while seen := await peer.request():
            if seen.target != "/silent":
                peer.send(OK)

    async def test() -> None:
        steps = (step("a", "/", think_ns=(60 * MS, 60 * MS)), step("b", "/silent", timeout_ns=40 * MS))
        outcome, _ = await outcome_of(script, HttpOperation("shop", steps=steps, timeout_ns=50 * MS))
        assert counts(outcome) == {"shop": (0, {"timeout": 1}), "shop/a": (1, {}), "shop/b": (0, {"timeout": 1})}
        assert "no answer within 40 ms" in outcome.samples[0].message

    run(test)


def _cookie(seen: Seen) -> bytes:
    return answer(b"", f"Set-Cookie: n={seen.target[1:]}; Path=/")


@pytest.mark.parametrize(
    ("cookies", "user", "expected"),
    [
        pytest.param(None, 3, [None, "n=a", "n=b", "n=a"], id="a closed user keeps them from journey to journey"),
        pytest.param(None, -1, [None, "n=a", None, "n=a"], id="in the open model every execution is a new user"),
        pytest.param(False, 3, [None] * 4, id="off when the plan says so"),
    ],
)
def test_cookies_of_a_journey(run: Run, cookies: bool | None, user: int, expected: list[str | None]) -> None:
    """On by default, per user."""

    async def test() -> None:
        operation = HttpOperation("shop", steps=(step("a", "/a"), step("b", "/b")))
        plan = scenario(operation, http=HttpSettings(cookies=cookies), closed=True)
        async with serving(answering(_cookie)) as server, driving(plan, server.url) as bench:
            await bench.one(user=user)
            await bench.one(user=user)
        assert [seen.headers.get("cookie") for seen in server.seen] == expected

    run(test)


def _shop(seen: Seen) -> bytes:
    if seen.target == "/login":
        return answer(b'{"token": "t1"}', "X-Kind: json")
    return answer(b"made for t1", status="201 Created")


async def play(function: str, script: object = None, **rest: object) -> tuple[Outcome, Server]:
    operation = journey(function, **{key: rest.pop(key) for key in ("timeout_ns",) if key in rest})
    return await outcome_of(script or answering(OK), operation, **rest)  # type: ignore[arg-type]


def test_a_function_plays_a_user(run_on_both: Run) -> None:
    """It gets feeders' values, sends what it says and nothing is taken for a template, and reads answers."""

    async def test() -> None:
        outcome, server = await play("shop", answering(_shop), times=2, data={"user": Feeder(("ada", "bob"))})
        assert counts(outcome) == {"shop": (2, {}), "shop/add": (2, {}), "shop/login": (2, {})}
        assert [seen.headers.get("x-user") for seen in server.seen[::2]] == ["ada", "bob"]
        assert server.seen[1].body == b'{"{{item}}":7}'
        url = f"{server.url}/cart"
        assert http_journeys.notes == [(n, n, "json", 201, "made for t1", url) for n in (0, 1)]
        assert outcome.tallies["shop"].histogram("response.ok").min_us >= 19_000
        assert outcome.tallies["shop/add"].histogram("response.ok").max_us < 15_000

    run_on_both(test)


def test_all_methods_and_bodies(run: Run) -> None:
    """Requests are named by method and path unless they have a name."""

    def reply(seen: Seen) -> bytes:
        if seen.target == "/head":
            return b"HTTP/1.1 302 Found\r\nLocation: /moved\r\nContent-Length: 9\r\n\r\n"
        if seen.method == "HEAD":
            return b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
        return answer(status="500 No") if seen.target == "/options" else OK

    async def test() -> None:
        outcome, server = await play("everything", answering(reply))
        names = [
            "shop",
            *(f"shop/{name}" for name in ("DELETE /delete", "HEAD /head", "PATCH /patch", "PUT /put", "any")),
        ]
        assert counts(outcome) == {name: (1, {}) for name in names}
        seen = {one.target: (one.method, one.body, one.headers.get("content-type")) for one in server.seen}
        assert seen == {
            "/put": ("PUT", b"a=b+c", "application/x-www-form-urlencoded"),
            "/patch": ("PATCH", b"text", "x/y"),
            "/delete": ("DELETE", b"\x00", "application/octet-stream"),
            "/head": ("HEAD", b"", None),
            "/moved": ("HEAD", b"", None),
            "/options": ("OPTIONS", b"", None),
        }
        assert http_journeys.notes == [(200, b"", "99")]

    run(test)


def _missing(seen: Seen) -> bytes:
    return answer(b"nothing here", status="404 Not Found") if seen.target == "/missing" else OK


@pytest.mark.parametrize(
    ("function", "expected", "sample"),
    [
        pytest.param("judged", {"shop": (0, {"check": 1})}, "the answer is not forty-two", id="user.fail"),
        pytest.param(
            "broken",
            {"shop": (0, {"journey": 1}), "shop/GET /": (1, {})},
            "KeyError: 'no such thing' in broken, line",
            id="a mistake in the journey",
        ),
        pytest.param("quitting", {"shop": (0, {"journey": 1})}, "SystemExit: 3", id="SystemExit ends only the journey"),
        pytest.param("cancelling", {"shop": (0, {"journey": 1})}, "cancelled from within", id="a cancellation"),
        pytest.param(
            "stopping",
            {"shop": (0, {"status_4xx": 1}), "shop/missing": (0, {"status_4xx": 1})},
            "status 404",
            id="a failing request ends the journey",
        ),
        pytest.param(
            "forgiving",
            {"shop": (1, {}), "shop/home": (1, {}), "shop/missing": (0, {"status_4xx": 1})},
            "status 404, expected below 400 | HTTP/1.1 404 Not Found | nothing here",
            id="a failing request that is caught does not",
        ),
        pytest.param(
            "nowhere",
            {"shop": (0, {"connect": 1}), "shop/outside": (0, {"connect": 1})},
            "not allowed",
            id="a host that is not allowed",
        ),
        pytest.param(
            "Shop.visit", {"shop": (1, {}), "shop/GET /": (1, {})}, None, id="a function may be an attribute of a class"
        ),
    ],
)
def test_how_journeys_end(
    run_on_both: Run, function: str, expected: dict[str, tuple[int, dict[str, int]]], sample: str | None
) -> None:
    """Requests and journey are recorded apart; whatever a journey does, it is a result and the next one starts."""

    async def test() -> None:
        outcome, _ = await play(function, answering(_missing))
        assert counts(outcome) == expected
        assert sample is None or sample in outcome.samples[0].message

    run_on_both(test)


def test_what_a_journey_sees_of_a_failure(run: Run) -> None:
    """Kind and reason."""

    async def test() -> None:
        await play("forgiving", answering(_missing))
        assert http_journeys.notes == [("status_4xx", "status 404, expected below 400")]

    run(test)


async def _slow(peer: Peer) -> None:
    while seen := await peer.request():
        if seen.target != "/slow":
            peer.send(OK)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        pytest.param(
            "impatient",
            {"shop": (1, {}), "shop/home": (1, {}), "shop/slow": (0, {"journey": 1})},
            id="given up by the journey's own timer",
        ),
        pytest.param("late", {"shop": (0, {"timeout": 1}), "shop/slow": (0, {"timeout": 1})}, id="timed out"),
    ],
)
def test_requests_that_are_not_waited_for(
    run_on_both: Run, function: str, expected: dict[str, tuple[int, dict[str, int]]]
) -> None:
    """Each still ends exactly once, and its connection is not used again."""

    async def test() -> None:
        outcome, server = await play(function, _slow)
        assert counts(outcome) == expected
        assert server.connections == len(server.seen)

    run_on_both(test)


def test_journeys_that_still_run_are_cut_off_once(run_on_both: Run) -> None:
    """Journey and request under way are cut off, not failed; finished requests stay; `finished` is not called."""

    async def script(peer: Peer) -> None:
        while seen := await peer.request():
            if seen.target != "/silent":
                peer.send(OK)

    async def test() -> None:
        stepped = HttpOperation("steps", steps=(step("a", "/a"), step("b", "/silent")))
        plan = scenario(journey("waiting"), stepped, HttpOperation("new", steps=(step("a", "/a"),)))
        async with serving(script) as server, driving(plan, server.url) as bench:
            bench.fire(0)
            bench.fire(1)
            await asyncio.sleep(0.03)
            bench.fire(2)
        outcome = bench.outcome()
        ended = {name: (tally.count("ok"), tally.count("cut_off")) for name, tally in outcome.tallies.items()}
        assert ended == {
            "shop": (0, 1),
            "shop/home": (1, 0),
            "steps": (0, 1),
            "steps/a": (1, 0),
            "steps/b": (0, 1),
            "new": (0, 1),
        }
        assert bench.finished == []

    run_on_both(test)


def test_a_journey_that_will_not_be_cut_off_sends_nothing_more(run: Run) -> None:
    """It may swallow the cancellation; its next request fails without being sent or recorded."""

    async def test() -> None:
        async with serving(answering(OK)) as server, driving(scenario(journey("stubborn")), server.url) as bench:
            bench.fire()
            await asyncio.sleep(0.01)
        assert set(bench.outcome().tallies) == {"shop"}
        assert server.seen == []

    run(test)


def test_names_with_ids_in_them_do_not_grow_for_ever(run: Run) -> None:
    """After two hundred names a journey's further ones are recorded together, as `other`."""

    async def test() -> None:
        outcome, _ = await play("many_names")
        assert len(outcome.tallies) == 1 + 200 + 1
        assert outcome.ok("shop/other") == 50

    run(test)
