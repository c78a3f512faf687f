"""Redirects are one execution, follow the method rules, and never lead to a host that is not allowed."""

import asyncio

import pytest
from http_scripted import MS, OK, Peer, Run, Seen, answering, driving, get, outcome_of, scenario, serving

from loadtests.plan.model import Target
from loadtests.plan.protocol.http import Body, Check, HttpSettings


def to(location: str, status: str = "302 Found", extra: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nLocation: {location}\r\n{extra}Content-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        pytest.param("301 Moved", "GET", "GET", b"", id="301 keeps GET"),
        pytest.param("301 Moved", "POST", "GET", b"", id="301 turns POST into GET"),
        pytest.param("302 Found", "POST", "GET", b"", id="302 turns POST into GET"),
        pytest.param("302 Found", "PUT", "PUT", b'{"a":1}', id="302 keeps PUT and its body"),
        pytest.param("303 See Other", "PUT", "GET", b"", id="303 turns PUT into GET"),
        pytest.param("303 See Other", "HEAD", "HEAD", b"", id="303 keeps HEAD"),
        pytest.param("307 Temporary", "POST", "POST", b'{"a":1}', id="307 keeps POST and its body"),
        pytest.param("308 Permanent", "POST", "POST", b'{"a":1}', id="308 keeps POST and its body"),
    ],
)
def test_method_and_body_of_the_request_that_follows(
    run: Run, status: str, method: str, then: str, body: bytes
) -> None:
    """RFC 9110, 15.4, as browsers do it. The whole chain is one execution."""
    sent = Body("json", {"a": 1}) if method in ("POST", "PUT") else None
    last = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    async def test() -> None:
        operation = get("/from?x", method=method, body=sent, redirects=1)
        outcome, server = await outcome_of(answering(to("../next?y#z", status), last), operation)
        assert (outcome.ok(), outcome.failures()) == (1, {})
        first, second = server.seen
        assert (first.method, first.target) == (method, "/from?x")
        assert (second.method, second.target, second.body) == (then, "/next?y", body)
        assert ("content-type" in second.headers) == bool(body)

    run(test)


def test_without_redirects_a_redirect_is_an_answer(run: Run) -> None:
    """It is judged by the check: below 400 is good, and nothing is followed."""

    async def test() -> None:
        outcome, server = await outcome_of(answering(to("/next")))
        assert (outcome.ok(), len(server.seen)) == (1, 1)

    run(test)


def test_the_time_of_a_chain_is_the_time_of_all_of_it(run: Run) -> None:
    """Service time from the first request's sending; the timeout covers the chain."""

    async def script(peer: Peer) -> None:
        while await peer.request():
            await asyncio.sleep(0.03)
            peer.send(to("/again") if len(peer.server.seen) % 3 else OK)

    async def test() -> None:
        outcome, _ = await outcome_of(script, get(redirects=5))
        assert outcome.tallies["op"].histogram("service.ok").min_us > 85_000
        outcome, _ = await outcome_of(script, get(redirects=5), timeout_ns=50 * MS)
        assert outcome.failures() == {"timeout": 1}
        assert outcome.tallies["op"].histogram("response.failed").min_us >= 48_000

    run(test)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        pytest.param("http://0.0.0.0:9/x", "not allowed", id="a host that is not allowed"),
        pytest.param("//0.0.0.0:9/x", "not allowed", id="a host without a scheme"),
        pytest.param("http://nowhere.invalid/", "does not resolve", id="a host that does not resolve"),
        pytest.param("ftp://127.0.0.1/x", "no URL", id="another scheme"),
        pytest.param("http://127.0.0.1:99999/", "no URL", id="an impossible port"),
        pytest.param("/loop", "more than 3 redirects", id="a loop"),
    ],
)
def test_redirects_that_are_not_followed(run: Run, location: str, reason: str) -> None:
    """Failure kind `redirect`, with a sample that says where it would have gone."""

    async def test() -> None:
        outcome, _ = await outcome_of(answering(to(location)), get(redirects=3))
        assert outcome.failures() == {"redirect": 1}
        assert reason in outcome.sample()

    run(test)


def test_a_redirect_to_another_origin_leaves_credentials_behind(run: Run) -> None:
    """Authorization and cookies stay with the origin they were meant for; Host is the new one's."""

    async def test() -> None:
        async with serving(answering(OK)) as other:
            first = answering(to(f"{other.url}/there", extra="Set-Cookie: a=b; Path=/secret\r\n"))
            operation = get(auth=("bearer", "t"), headers={"X-Kept": "1"}, redirects=1)
            _, server = await outcome_of(first, operation, http=HttpSettings(cookies=True))
        assert server.seen[0].headers["authorization"] == "Bearer t"
        assert "authorization" not in other.seen[0].headers
        assert other.seen[0].headers["x-kept"] == "1"
        assert other.seen[0].headers["host"] == f"127.0.0.1:{other.port}"

    run(test)


def test_the_last_answer_is_judged(run: Run) -> None:
    """A chain that ends in a 404 is a 404."""

    async def test() -> None:
        script = answering(to("/next"), b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
        outcome, _ = await outcome_of(script, get(redirects=2))
        assert outcome.failures() == {"status_4xx": 1}

    run(test)


def test_faults_within_a_chain_have_their_own_kinds(run_on_both: Run) -> None:
    """A reset after a redirect is a reset, a redirect to a dead port a connect failure."""

    async def resetting(peer: Peer) -> None:
        if await peer.request():
            peer.send(to("/next"))
        if await peer.request():
            peer.reset()

    async def test() -> None:
        outcome, _ = await outcome_of(resetting, get(redirects=2), times=2)
        assert outcome.failures() == {"reset": 2}
        outcome, _ = await outcome_of(answering(to("http://127.0.0.1:1/")), get(redirects=2))
        assert outcome.failures() == {"connect": 1}
        outcome, _ = await outcome_of(answering(b"garbage\r\n\r\n"), get(redirects=2))
        assert outcome.failures() == {"protocol": 1}
        check = Check(max_bytes=1)
        outcome, _ = await outcome_of(answering(OK), get(redirects=2, check=check))
        assert outcome.failures() == {"check": 1}

    run_on_both(test)


def test_a_redirecting_execution_that_still_runs_is_cut_off_once(run_on_both: Run) -> None:
    """Whether it has begun or not."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await asyncio.sleep(10)

    async def test() -> None:
        async with serving(script) as server, driving(scenario(get(redirects=1)), server.url) as bench:
            bench.fire()
            await asyncio.sleep(0.02)
            bench.fire()
        assert bench.outcome().tallies["op"].count("cut_off") == 2
        assert bench.finished == []

    run_on_both(test)


def test_single_requests_keep_cookies_only_when_told_to(run: Run) -> None:
    """Off by default; with `cookies: true` each user of the closed model has a jar that lasts."""

    def setting(seen: Seen) -> bytes:
        return b"HTTP/1.1 200 OK\r\nSet-Cookie: user=%s\r\nContent-Length: 0\r\n\r\n" % seen.target[1:].encode()

    async def test() -> None:
        for cookies, expected in ((None, [None] * 4), (True, [None, None, "user=one", "user=two"])):
            async with serving(answering(setting)) as server:
                plan = scenario(get("/one"), get("/two"), closed=True, http=HttpSettings(cookies=cookies))
                async with driving(plan, Target(http=server.url)) as bench:
                    for operation in (0, 1, 0, 1):
                        await bench.one(operation, user=operation)
            assert [seen.headers.get("cookie") for seen in server.seen] == expected

    run(test)
