"""What a request says, and where it goes."""

from dataclasses import replace

import pytest
from http_scripted import OK, Run, answering, driving, get, outcome_of, scenario, serving

from loadtests import __version__
from loadtests.plan.data import row
from loadtests.plan.model import Feeder, Target
from loadtests.plan.protocol.http import Body


@pytest.mark.parametrize(
    ("request_parts", "line", "headers", "body"),
    [
        pytest.param(
            {"path": "/a?b=c"},
            ("GET", "/a?b=c"),
            {"user-agent": f"loadtests/{__version__}", "accept": "*/*"},
            b"",
            id="a plain GET",
        ),
        pytest.param(
            {"method": "POST", "path": "/", "body": Body("json", {"q": "für {{user}}", "n": [1, True]})},
            ("POST", "/"),
            {"content-type": "application/json", "content-length": "35"},
            '{"q":"für a \\"b\\"/c","n":[1,true]}'.encode(),
            id="a JSON body with a variable that needs escaping",
        ),
        pytest.param(
            {"method": "POST", "path": "/", "body": Body("form", {"a b": "{{user}}", "c": "&"})},
            ("POST", "/"),
            {"content-type": "application/x-www-form-urlencoded"},
            b"a+b=a+%22b%22%2Fc&c=%26",
            id="a form",
        ),
        pytest.param(
            {"method": "PUT", "path": "/", "body": Body("raw", "hi {{user}}"), "headers": {"Content-Type": "x/y"}},
            ("PUT", "/"),
            {"content-type": "x/y", "content-length": "10"},
            b'hi a "b"/c',
            id="a raw body with a type of its own",
        ),
        pytest.param(
            {"method": "POST", "path": "/", "body": Body("file", b"\x00{{user}}")},
            ("POST", "/"),
            {"content-type": "application/octet-stream", "content-length": "9"},
            b"\x00{{user}}",
            id="a file is sent as it is",
        ),
        pytest.param(
            {"method": "POST", "path": "/"}, ("POST", "/"), {"content-length": "0"}, b"", id="a POST without a body"
        ),
        pytest.param(
            {"path": "/u/{{user}}?x={{user}}", "headers": {"X-User": "{{user}}", "Host": "other"}},
            ("GET", "/u/a%20%22b%22%2Fc?x=a%20%22b%22%2Fc"),
            {"x-user": 'a "b"/c', "host": "other"},
            b"",
            id="variables in path and headers, and a Host of its own",
        ),
        pytest.param(
            {"path": "/", "auth": ("basic", "me:pä{{user}}")},
            ("GET", "/"),
            {"authorization": "Basic bWU6cMOkYSAiYiIvYw=="},
            b"",
            id="basic auth",
        ),
        pytest.param(
            {"path": "/", "auth": ("bearer", "t-{{user}}")},
            ("GET", "/"),
            {"authorization": 'Bearer t-a "b"/c'},
            b"",
            id="bearer auth",
        ),
        pytest.param(
            {"path": "/", "headers": {"X": "{{evil}}"}},
            ("GET", "/"),
            {"x": "a  Y: b"},
            b"",
            id="a variable cannot add a header",
        ),
    ],
)
def test_what_is_sent(
    run: Run, request_parts: dict[str, object], line: tuple[str, str], headers: dict[str, str], body: bytes
) -> None:
    """Variables are escaped for the place where they stand."""
    data = {"user": Feeder(('a "b"/c',)), "evil": Feeder(("a\r\nY: b",))}

    async def test() -> None:
        outcome, server = await outcome_of(answering(OK), get(**request_parts), data=data)
        seen = server.seen[0]
        assert outcome.ok() == 1
        assert (seen.method, seen.target, seen.body) == (*line, body)
        assert seen.headers.items() >= headers.items()
        assert "y" not in seen.headers
        if "host" not in headers:
            assert seen.headers["host"] == f"127.0.0.1:{server.port}"

    run(test)


@pytest.mark.parametrize(
    "feeders",
    [
        pytest.param({"user": Feeder(range(3)), "item": Feeder(("a", "b"))}, id="of two lengths"),
        pytest.param({"user": Feeder(range(3)), "item": Feeder(range(9), "random", seed=4)}, id="one drawn at random"),
        pytest.param({"user": Feeder(range(10**9)), "item": Feeder(("a", "b"))}, id="too many to be remembered"),
    ],
)
def test_requests_that_come_round_again_are_those_of_their_index(run: Run, feeders: dict[str, Feeder]) -> None:
    """What is remembered of rendered requests never takes the place of another's, and stays bounded."""

    async def test() -> None:
        async with serving(answering(OK)) as server:
            plan = scenario(get("/{{user}}/{{item}}"), data=feeders)
            async with driving(plan, server.url) as bench:
                for _ in range(20):
                    await bench.one()
                remembered = bench.driver._starts[0].__self__._rendered  # type: ignore[attr-defined]
        wanted = [row(feeders, ["user", "item"], index) for index in range(20)]
        assert [seen.target for seen in server.seen] == [f"/{values['user']}/{values['item']}" for values in wanted]
        assert len(remembered) == (
            6 if feeders["item"].values == ("a", "b") and len(feeders["user"].values) == 3 else 0
        )

    run(test)


def test_large_requests_are_rendered_anew(run: Run) -> None:
    """A thousand requests of 8 kB that come round again would take more than what may be remembered."""

    async def test() -> None:
        async with serving(answering(OK)) as server:
            large = get("/{{n}}", method="POST", body=Body("raw", "x" * 8000))
            plan = scenario(large, data={"n": Feeder(range(1000))})
            async with driving(plan, server.url) as bench:
                for _ in range(5):
                    await bench.one()
                assert not bench.driver._starts[0].__self__._rendered  # type: ignore[attr-defined]
        assert [seen.target for seen in server.seen] == [f"/{index}" for index in range(5)]

    run(test)


def test_the_room_for_requests_that_come_round_again_is_shared(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What all operations remember together is bounded: who comes too late has its requests rendered anew."""
    monkeypatch.setattr("loadtests.drive.drivers.http.driver._REMEMBERED_BYTES_AT_MOST", 1200)

    async def test() -> None:
        async with serving(answering(OK)) as server:
            first, second = (replace(get(f"/{name}/{{{{n}}}}"), name=name) for name in ("first", "second"))
            plan = scenario(first, second, data={"n": Feeder(range(3))})
            async with driving(plan, server.url) as bench:
                for operation in (0, 1):
                    for index in range(6):
                        await bench.one(operation, index=index)
                kept = [len(start.__self__._rendered) for start in bench.driver._starts]  # type: ignore[attr-defined]
        assert kept[0] == 3
        assert kept[1] < 3
        assert [seen.target for seen in server.seen][6:] == [f"/second/{index % 3}" for index in range(6)]

    run(test)


def test_feeders_are_functions_of_the_index(run: Run) -> None:
    """The execution with index 7 gets the seventh value, whenever it is fired."""

    async def test() -> None:
        async with serving(answering(OK)) as server:
            plan = scenario(get("/u/{{user}}"), data={"user": Feeder(range(100, 200))})
            async with driving(plan, server.url) as bench:
                for index in (7, 3, 103):
                    await bench.one(index=index)
        assert [seen.target for seen in server.seen] == ["/u/107", "/u/103", "/u/103"]

    run(test)


def test_the_target_may_have_a_path_and_an_operation_another_origin(run: Run) -> None:
    """Paths are below the target's; absolute URLs go where they say, on connections of their own."""

    async def test() -> None:
        async with serving(answering(OK)) as one, serving(answering(OK)) as two:
            plan = scenario(get("/x"), get(f"{two.url}/y?z"))
            async with driving(plan, f"{one.url}/base") as bench:
                await bench.one(0)
                await bench.one(1)
        assert [seen.target for seen in one.seen] == ["/base/x"]
        assert [(seen.target, seen.headers["host"]) for seen in two.seen] == [("/y?z", f"127.0.0.1:{two.port}")]

    run(test)


def test_a_host_from_a_variable(run: Run) -> None:
    """The origin is only known per execution: it is resolved, permitted and pooled then."""

    async def test() -> None:
        async with serving(answering(OK)) as server:
            data = {"host": Feeder(("127.0.0.1", "localhost", "0.0.0.0"))}
            plan = scenario(get(f"http://{{{{host}}}}:{server.port}/x"), data=data)
            async with driving(plan, Target()) as bench:
                for _ in range(3):
                    await bench.one()
        outcome = bench.outcome()
        assert (outcome.ok(), outcome.failures()) == (2, {"connect": 1})
        assert "not allowed" in outcome.sample()
        assert [seen.headers["host"].split(":")[0] for seen in server.seen] == ["127.0.0.1", "localhost"]

    run(test)


def test_ipv6(run_on_both: Run) -> None:
    """`http://[::1]:port`: brackets in the URL and in Host, none in the address."""

    async def test() -> None:
        async with serving(answering(OK), host="::1") as server, driving(scenario(), server.url) as bench:
            await bench.one()
            await bench.one()
        assert bench.outcome().ok() == 2
        assert server.seen[0].headers["host"] == f"[::1]:{server.port}"

    run_on_both(test)


def test_localhost_is_reached_on_whichever_address_answers(run: Run) -> None:
    """The name may resolve to ::1 first while the server listens on 127.0.0.1 only."""

    async def test() -> None:
        async with (
            serving(answering(OK)) as server,
            driving(scenario(), f"http://localhost:{server.port}") as bench,
        ):
            await bench.one()
        assert bench.outcome().ok() == 1

    run(test)
