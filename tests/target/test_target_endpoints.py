"""Every endpoint of the target answers as the guide and its docstring say."""

import gzip
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from loadtests.target import app
from loadtests.target.app import ROUTES
from loadtests.target.backend import Backend, new_backend
from loadtests.target.dial import Dial
from loadtests.target.faults import parse_faults
from loadtests.target.savings import savings_of

Ask = Callable[..., httpx.Response]
AskOf = Callable[[Backend], Ask]
QUESTION = {"query": "reduce cost", "user_id": "42"}


@pytest.mark.parametrize(
    ("method", "path", "document"),
    [
        ("GET", "/health", {"status": "healthy"}),
        ("GET", "/health/ready", {"status": "ready"}),
        ("POST", "/api/admin/clear-agent-queue", {"cleared": 0}),
    ],
)
def test_plain_endpoint_answers(ask: Ask, method: str, path: str, document: object) -> None:
    """One JSON document, no arguments."""
    reply = ask(method, path)
    assert (reply.status_code, reply.json()) == (200, document)
    assert reply.headers["content-type"] == "application/json"


def test_dependencies_admit_that_there_is_no_database(ask: Ask) -> None:
    """`.database` has the pool's figures as null, not zero."""
    database = ask("GET", "/health/dependencies").json()["database"]
    assert database == {"status": "not configured", "pool": {"active": None, "max": None, "utilisation": None}}


@pytest.mark.parametrize("user_id", ["42", 42, "user_42"])
def test_execute_answers_with_the_users_savings(ask: Ask, user_id: object) -> None:
    """The user_id comes back exactly as sent, the savings are those of the formula."""
    done = ask("POST", "/api/agent/execute", json={**QUESTION, "user_id": user_id}).json()
    run_id = done.pop("run_id")
    assert run_id.startswith("run_")
    assert done == {
        "status": "completed",
        "user_id": user_id,
        "thread_id": None,
        "tier": "free",
        "agent": "TriageSubAgent",
        "optimization": "cost_reduction",
        "savings": savings_of(42, "reduce cost").cents / 100,
        "currency": "USD",
    }


def test_executions_are_counted_and_named_apart(ask: Ask) -> None:
    """Two executions have two run ids, and the queue status has both."""
    first, second = (ask("POST", "/api/agent/execute", json=QUESTION).json()["run_id"] for _ in range(2))
    assert first != second
    assert ask("GET", "/api/agent/queue-status").json()["completed"] == 2


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        pytest.param(b"{", 400, "expected JSON", id="no JSON"),
        pytest.param(b"", 400, "expected JSON", id="no body"),
        pytest.param(b"[]", 422, "expected a JSON object, got list", id="JSON of another kind"),
        pytest.param(b"{}", 422, "query: expected text", id="nothing in it"),
        pytest.param(b'{"query": " ", "user_id": 1}', 422, "query: expected text", id="a blank query"),
        pytest.param(b'{"query": 5, "user_id": 1}', 422, "query: expected text", id="a number for a query"),
        pytest.param(b'{"query": "x"}', 422, "user_id: expected a user", id="no user"),
        pytest.param(b'{"query": "x", "user_id": 10001}', 422, "(got 10001)", id="an unknown user"),
        pytest.param(b'{"query": "x", "user_id": 1, "thread_id": 1}', 422, "thread_id: expected", id="a bad thread"),
        pytest.param(b'"' + b"x" * 1_000_001 + b'"', 413, "at most 1,000,000 bytes", id="more than a megabyte"),
    ],
)
def test_wrong_question_is_refused_with_a_sentence(ask: Ask, content: bytes, status: int, sentence: str) -> None:
    """400 for what is no JSON, 413 for too much, 422 for wrong values."""
    reply = ask("POST", "/api/agent/execute", content=content)
    assert reply.status_code == status
    assert sentence in reply.json()["error"]


@pytest.mark.parametrize("carry", ["bearer", "cookie"])
def test_journey_from_login_to_one_thread(ask: Ask, carry: str) -> None:
    """Sign in, list, read the first: with the token or with the cookie."""
    signed_in = ask("POST", "/api/auth/login", json={"user_id": "user_9"})
    token = signed_in.json()["token"]
    assert signed_in.json() == {"token": token, "user_id": "user_9", "tier": "free"}
    assert signed_in.headers["set-cookie"] == f"session={token}; Path=/; HttpOnly; SameSite=Lax"
    headers = {"authorization": f"Bearer {token}"} if carry == "bearer" else {"cookie": f"a=b; session={token}"}
    listed = ask("GET", "/api/threads", headers=headers).json()
    assert listed["user_id"] == "user_9"
    assert len(listed["threads"]) == 4
    first = listed["threads"][0]
    assert ask("GET", f"/api/threads/{first['id']}", headers=headers).json() == first
    assert ask("GET", "/api/threads/thread_8_1", headers=headers).status_code == 404


@pytest.mark.parametrize("path", ["/api/threads", "/api/threads/thread_1_1"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer 1.forged"}, {"authorization": "Basic MTox"}, {"cookie": "session=1.x"}],
    ids=["nothing", "forged token", "another scheme", "forged cookie"],
)
def test_threads_need_a_sign_in(ask: Ask, path: str, headers: dict[str, str]) -> None:
    """401, with how to sign in."""
    reply = ask("GET", path, headers=headers)
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == "Bearer"
    assert "/api/auth/login" in reply.json()["error"]


@pytest.mark.parametrize(("body", "status"), [({"user_id": "bob"}, 401), ({"user_id": 0}, 401), ({}, 422)])
def test_login_of_an_unknown_user_fails(ask: Ask, body: dict[str, object], status: int) -> None:
    """401 for somebody who is not there, 422 for nobody."""
    assert ask("POST", "/api/auth/login", json=body).status_code == status


def test_unmatched_path_is_404_and_wrong_method_405(ask: Ask) -> None:
    """405 lists what is allowed; a template is no path."""
    assert ask("GET", "/nope").status_code == 404
    assert ask("GET", "/api/threads/{id}/more").status_code == 404
    wrong = ask("DELETE", "/api/threads")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD")
    assert ask("GET", "/api/auth/login").headers["allow"] == "POST"


def test_head_is_served_wherever_get_is(ask: Ask) -> None:
    """HEAD of /health has GET's headers."""
    assert ask("HEAD", "/health").headers["content-length"] == "20"


@pytest.mark.parametrize(("query", "status"), [("to=/health", 302), ("to=http://a.example/b&status=308", 308)])
def test_redirect_goes_where_it_is_told(ask: Ask, query: str, status: int) -> None:
    """To a path or another host, with the status asked for."""
    reply = ask("GET", f"/api/redirect?{query}")
    assert reply.status_code == status
    assert reply.headers["location"] in ("/health", "http://a.example/b")


@pytest.mark.parametrize("query", ["", "to=", "to=/x&status=200", "to=/x&status=abc"])
def test_redirect_to_nowhere_is_refused(ask: Ask, query: str) -> None:
    """422 without a place or with a status that is no redirect."""
    assert ask("GET", f"/api/redirect?{query}").status_code == 422


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 200_000])
@pytest.mark.parametrize("shape", ["", "&chunked=1", "&gzip=1"], ids=["whole", "chunked", "gzip"])
def test_large_has_the_size_asked_for(ask: Ask, size: int, shape: str) -> None:
    """Whole bodies state their length; chunked and compressed ones do not."""
    reply = ask("GET", f"/api/large?bytes={size}{shape}", headers={"accept-encoding": "gzip"})
    assert len(reply.content) == size
    assert reply.headers.get("content-length") == (None if shape else str(size))
    assert reply.headers.get("content-encoding") == ("gzip" if "gzip" in shape else None)


@pytest.mark.parametrize("accepted", ["identity", "gzip;q=0", "br"])
def test_large_is_not_compressed_for_who_does_not_take_it(ask: Ask, accepted: str) -> None:
    """gzip=1 asks for what Accept-Encoding allows."""
    reply = ask("GET", "/api/large?bytes=1000&gzip=1", headers={"accept-encoding": accepted})
    assert "content-encoding" not in reply.headers
    assert reply.headers["content-length"] == "1000"


@pytest.mark.parametrize("query", ["bytes=-1", "bytes=many", "bytes=100000001", "bytes=²", "chunked=2"])
def test_large_of_no_size_is_refused(ask: Ask, query: str) -> None:
    """422 for what is no size, or more than 100 MB."""
    assert ask("GET", f"/api/large?{query}").status_code == 422


def test_long_json_is_compressed_when_accepted(ask: Ask) -> None:
    """Ten threads are over the size where it pays; both answers say that they vary."""
    token = ask("POST", "/api/auth/login", json={"user_id": 7}).json()["token"]
    headers = {"authorization": f"Bearer {token}"}
    packed = ask("GET", "/api/threads", headers={**headers, "accept-encoding": "br, GZIP;q=0.5"})
    plain = ask("GET", "/api/threads", headers={**headers, "accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.headers["vary"] == plain.headers["vary"] == "accept-encoding"
    assert packed.json() == plain.json()
    assert int(packed.headers["content-length"]) == len(gzip.compress(plain.content, 1, mtime=0))


def test_dial_is_turned_shown_put_back_and_cleared(ask: Ask, backend: Backend) -> None:
    """What GET shows can be PUT; DELETE turns everything off."""
    dialled = {"law": "1ms", "errors": "2% 503", "reset": "1%", "stall": "1s every 10s", "only": "/api"}
    put = ask("PUT", "/api/admin/faults", json=dialled)
    assert put.status_code == 200
    shown = ask("GET", "/api/admin/faults").json()
    assert shown == put.json()
    assert shown["errors"] == {"share": "2%", "status": 503}
    setting = backend.dial.faults
    assert ask("PUT", "/api/admin/faults", json=shown).status_code == 200
    assert backend.dial.faults == setting
    cleared = ask("DELETE", "/api/admin/faults").json()
    assert {cleared[name] for name in dialled} == {None}


def test_wrong_dial_is_refused_and_leaves_the_old_setting(ask: Ask) -> None:
    """422 with a sentence."""
    ask("PUT", "/api/admin/faults", json={"errors": "100%"})
    reply = ask("PUT", "/api/admin/faults", json={"errors": "a lot"})
    assert reply.status_code == 422
    assert "errors: expected a share" in reply.json()["error"]
    assert ask("GET", "/health").status_code == 500


def test_dialled_errors_are_answered_and_counted_exactly(ask: Ask) -> None:
    """2% with 503 over 100 requests of which some go to other endpoints."""
    ask("PUT", "/api/admin/faults", json={"errors": "2% 503"})
    paths = ["/health", "/api/agent/queue-status"]
    statuses = [ask("GET", paths[place % 2]).status_code for place in range(100)]
    assert sorted(statuses) == [200] * 98 + [503] * 2
    assert ask("GET", "/api/admin/faults").json()["counted"] == {"answer": 98, "error": 2, "reset": 0}


def test_failed_execution_never_runs(ask_of: AskOf) -> None:
    """A dialled error stands in for the endpoint: no savings are counted for it."""
    backend = new_backend(parse_faults({"errors": "100%"}))
    assert ask_of(backend)("POST", "/api/agent/execute", json=QUESTION).status_code == 500
    assert backend.agents.ledger.begun == 0


def test_reset_without_a_connection_to_reset_is_an_error(ask_of: AskOf) -> None:
    """An ASGI server that offers no way to reset makes the fault visible instead of passing it over."""
    with pytest.raises(ConnectionResetError):
        ask_of(new_backend(parse_faults({"reset": "100%"})))("GET", "/health")


def test_law_delays_the_answer(ask_of: AskOf) -> None:
    """A request takes at least the dialled time, as its own metric says too."""
    backend = new_backend(parse_faults({"law": "20ms"}))
    ask_of(backend)("GET", "/health")
    labels = {"method": "GET", "endpoint": "/health"}
    assert backend.metrics.registry.get_sample_value("http_request_duration_seconds_sum", labels) >= 0.019


def test_every_route_of_the_guide_is_served() -> None:
    """The endpoints CLAUSES lists."""
    assert set(ROUTES) >= {
        "/health",
        "/health/ready",
        "/health/dependencies",
        "/metrics",
        "/api/agent/execute",
        "/api/agent/queue-status",
        "/api/admin/clear-agent-queue",
    }


@pytest.mark.parametrize(
    ("arrives_ms", "answers_ms"),
    [
        pytest.param(10_000, 10_000, id="arrives in the stall"),
        pytest.param(9_999, 10_000, id="is at work as it begins"),
    ],
)
def test_stall_holds_the_answer_wherever_it_catches_the_request(
    ask_of: AskOf, arrives_ms: int, answers_ms: int
) -> None:
    """A stall of 30 ms every 10 s, seen by the clock of the dial: the answer comes 30 ms late."""
    moments = iter([0, arrives_ms * 1_000_000, (answers_ms + 30 * (arrives_ms == answers_ms)) * 1_000_000])
    dial = Dial(parse_faults({"stall": "30ms every 10s"}), clock=lambda: next(moments))
    backend = replace(new_backend(), dial=dial)
    assert ask_of(backend)("GET", "/health").status_code == 200
    labels = {"method": "GET", "endpoint": "/health"}
    taken = backend.metrics.registry.get_sample_value("http_request_duration_seconds_sum", labels)
    assert taken >= 0.029


def test_endpoint_with_a_bug_is_counted_as_500(ask: Ask, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exception goes on to the server, which answers and logs it; the metrics have seen it."""

    async def broken(_backend: Backend, _call: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setitem(app.ROUTES, "/health", {"GET": broken})
    with pytest.raises(ZeroDivisionError):
        ask("GET", "/health")
    labels = {"method": "GET", "endpoint": "/health", "status": "500"}
    assert backend.metrics.registry.get_sample_value("http_requests_total", labels) == 1
