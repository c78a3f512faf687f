"""Operations that mean nothing are mistakes, each told with its place and what was expected."""

import pytest
from plan_documents import operation, scenario


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(["weight: 1"], "expected exactly one of request, steps and journey", id="nothing to do"),
        pytest.param(["request: GET /", "journey: a:b"], "exactly one of request, steps and journey", id="two things"),
        pytest.param(["request: GET"], "expected a method and a path", id="no path"),
        pytest.param(["request: get /"], "unknown method; expected GET", id="a method in small letters"),
        pytest.param(["request: GET health"], "a path that starts with / or an absolute URL", id="a relative path"),
        pytest.param(["request: GET ftp://h/x"], "expected an address such as http://", id="another scheme"),
        pytest.param(["request: GET /a b"], "percent-encode them", id="a space in the path"),
        pytest.param(["request: GET /é"], "percent-encode them", id="a letter beyond ASCII"),
        pytest.param(["request: 'GET /{{a b}}'"], "expected a variable name between {{ and }}", id="no name in braces"),
        pytest.param(["request: GET /", "weight: -1"], "weight: expected a number from 0 up (got -1)", id="weight"),
        pytest.param(["request: GET /", "headers: {'a b': c}"], "expected a header name", id="a header with a space"),
        pytest.param(["request: GET /", "headers: {A: b, a: c}"], "same header stands here twice", id="a header twice"),
        pytest.param(
            ["request: GET /", 'headers: {a: "b\\r\\nc: d"}'], "a header value is one line", id="a line break"
        ),
        pytest.param(["request: GET /", "json: {}", "raw: x"], "a request has one body, and json", id="two bodies"),
        pytest.param(["request: GET /", "file: none.bin"], "there is no such file beside the plan", id="no body file"),
        pytest.param(
            ["request: GET /", "auth: {}"], "exactly one of basic: [user, password] and bearer", id="empty auth"
        ),
        pytest.param(["request: GET /", "auth: {basic: [a]}"], "expected a list of two", id="basic without password"),
        pytest.param(["request: GET /", "auth: {basic: ['a:b', c]}"], "cannot hold a colon", id="a colon in the user"),
        pytest.param(
            ["request: GET /", "headers: {Authorization: x}", "auth: {bearer: y}"],
            "there is an authorization header already",
            id="authorized twice",
        ),
        pytest.param(["request: GET /", "check: {status: 99}"], "a status from 100 to 599", id="no such status"),
        pytest.param(["request: GET /", "check: {statsu: 200}"], "check.statsu: unknown key", id="a misspelt check"),
        pytest.param(["request: GET /", "check: {max_bytes: 5}"], "expected a size such as", id="a size without unit"),
        pytest.param(
            ["request: GET /", "redirects: 21"], "expected a whole number from 0 to 20", id="endless redirects"
        ),
        pytest.param(["request: GET /", "check: {contains: '{{usr}}'}"], "{{usr}} is fed by nothing", id="unfed check"),
        pytest.param(["journey: shop"], "expected module:function", id="no function"),
        pytest.param(
            ["journey: a:b", "json: {}"], "json: does not belong beside journey", id="a body beside a journey"
        ),
        pytest.param(["steps: []"], "steps: expected at least one step", id="no steps"),
        pytest.param(["steps: [{name: s}]"], "steps.s.request: is required", id="a step without request"),
        pytest.param(["steps: [{request: GET /}]"], "steps.0.name: is required", id="a step without name"),
        pytest.param(
            ["steps: [{name: a/b, request: GET /}]"], "steps.a/b.name: a name has 1 to 64", id="slash in a step"
        ),
        pytest.param(
            ["steps:", "  - {name: s, request: GET /}", "  - {name: s, request: GET /}"],
            "is the name of an earlier step already",
            id="two steps of one name",
        ),
        pytest.param(
            ["steps:", "  - {name: s, request: 'GET /{{id}}', extract: {id: {json: id}}}"],
            "{{id}} is fed by nothing",
            id="a value used before it is extracted",
        ),
        pytest.param(
            ["steps: [{name: s, request: GET /, extract: {id: {}}}]"], "exactly one of json, header", id="empty extract"
        ),
        pytest.param(
            ["steps: [{name: s, request: GET /, extract: {id: {regex: '('}}}]"], "not a regular expression", id="regex"
        ),
    ],
)
def test_an_operation_that_means_nothing_is_a_mistake(folder, lines: list[str], expected: str) -> None:
    found = folder.mistakes(operation(*lines))
    assert len(found) == 1
    assert expected in found[0]


def test_an_operation_may_not_be_named_like_a_step_of_a_journey(folder) -> None:
    text = scenario(
        "operations:", "  - {name: visit, steps: [{name: in, request: GET /}]}", "  - {name: visit/in, request: GET /}"
    )
    assert folder.mistakes(text) == [
        "scenarios.a.operations.visit/in.name: visit/in is the name of a step already (got visit/in)"
    ]
