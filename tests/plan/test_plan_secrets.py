"""Secrets are known by value, and never stand in the document that is kept."""

import json
from base64 import b64encode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtests.plan.loader import load_plan, plan_from_document
from loadtests.plan.secrets import looks_secret, mask

PLAN = """\
version: 1
target:
  http: http://ann:url-password@127.0.0.1:8080
  metrics: http://127.0.0.1:8080/metrics?token=query-secret&x=1
  database: postgresql://u:db%2Fpass@h/x
scenarios:
  api:
    driver: http
    load: {rate: 1/s, duration: 1m}
    data: {user: {values: [ann]}}
    operations:
      - name: a
        request: "GET /a/${PUBLIC}?key=${API_TOKEN}"
        headers:
          authorization: Bearer header-bearer
          Cookie: session=cookie-session; theme=dark
          X-Api-Key: "{{user}}-header-key"
          x-other: "${PUBLIC} header-bearer again"
      - name: b
        request: POST /b
        auth: {basic: [ann, basic-password]}
        json: {deep: [{password: "${DB_PASSWORD:-default-password}"}], n: 5}
        check: {contains: "${API_TOKEN}"}
      - name: c
        request: GET /c
        auth: {bearer: "literal-token"}
"""
ENVIRON = {"API_TOKEN": "environment-token", "PUBLIC": "public-value"}
SECRETS = {
    "url-password",
    "query-secret",
    "db%2Fpass",
    "db/pass",
    "header-bearer",
    "session=cookie-session; theme=dark",
    "cookie-session",
    "-header-key",
    "environment-token",
    "default-password",
    "basic-password",
    b64encode(b"ann:basic-password").decode(),
    "literal-token",
}


@pytest.fixture
def plan(folder):
    return load_plan(folder.write("plan.yaml", PLAN), environ=ENVIRON)


def test_every_kind_of_secret_is_known_by_value(plan) -> None:
    assert set(plan.secrets) >= SECRETS
    assert not {"ann", "public-value", "dark", "***", ""} & set(plan.secrets)


def test_no_secret_stands_in_the_document(plan) -> None:
    text = json.dumps(plan.document)
    assert not [secret for secret in SECRETS if secret in text]


def test_what_is_no_secret_stays_readable(plan) -> None:
    operations = plan.document["scenarios"]["api"]["operations"]
    assert plan.document["target"]["http"] == "http://ann:***@127.0.0.1:8080"
    assert plan.document["target"]["metrics"] == "http://127.0.0.1:8080/metrics?token=***&x=1"
    assert operations[0]["request"] == "GET /a/public-value?key=***"
    assert operations[0]["headers"] == {
        "authorization": "Bearer ***",
        "Cookie": "***",
        "X-Api-Key": "{{user}}***",
        "x-other": "public-value *** again",
    }
    assert operations[1]["json"] == {"deep": [{"password": "***"}], "n": 5}


def test_the_plan_itself_holds_the_secrets_in_the_clear(plan) -> None:
    first, second, third = plan.scenarios["api"].operations
    assert first.request.path == "/a/public-value?key=environment-token"
    assert second.request.auth == ("basic", "ann:basic-password")
    assert third.request.auth == ("bearer", "literal-token")


def test_the_masked_document_reads_back_and_has_no_secrets_of_its_own(plan) -> None:
    stored = plan_from_document(plan.document, source="run.json")
    assert stored.secrets == ()
    assert stored.document == plan.document
    assert stored.scenarios["api"].operations[2].request.auth == ("bearer", "***")


def test_another_process_knows_the_same_secrets(plan) -> None:
    """Also those that only the environment could name, such as a password in a body."""
    assert plan_from_document(plan.unmasked, source=plan.source).secrets == plan.secrets


def test_the_representation_of_a_plan_leaves_out_its_secrets(plan) -> None:
    assert "unmasked" not in repr(plan)
    assert "secrets" not in repr(plan)


def test_values_that_are_extracted_are_no_secrets(folder) -> None:
    plan = folder.load(
        """
        scenarios:
          a:
            driver: http
            load: {rate: 1/s, duration: 1m}
            operations:
              - name: visit
                steps:
                  - {name: in, request: POST /in, extract: {token: {json: token}}}
                  - {name: look, request: GET /, headers: {authorization: "Bearer {{token}}"}}
                  - {name: look again, request: GET /, auth: {bearer: "{{token}}"}}
        """
    )
    assert plan.secrets == ()
    assert plan.document == {key: part for key, part in plan.unmasked.items() if key in plan.document}


def test_a_mistake_does_not_quote_a_secret(folder, minimal) -> None:
    text = minimal.replace("GET /health", "'GTE /x?k=${API_TOKEN}'")
    (found,) = folder.mistakes(text, environ={"API_TOKEN": "environment-token"})
    assert "GTE /x?k=***" in found
    assert "environment-token" not in found


@pytest.mark.parametrize(
    ("written", "place"),
    [
        pytest.param("name: ${THE_KEY}\n        request: GET /", "name", id="as a name"),
        pytest.param("name: x\n        request: GET /\n        timeout: ${THE_KEY}", "timeout", id="as a time"),
        pytest.param("name: x\n        request: ${THE_KEY}", "request", id="as a whole request"),
    ],
)
def test_a_secret_may_not_fill_what_the_stored_plan_needs(folder, written: str, place: str) -> None:
    values = {"name": "some-name", "timeout": "7s", "request": "GET /x"}
    head = "scenarios:\n  a:\n    driver: http\n    load: {rate: 1/s, duration: 1m}\n"
    text = f"{head}    operations:\n      - {written}\n"
    found = folder.mistakes(text, environ={"THE_KEY": values[place]})
    assert any(f"{place}: a secret fills this place" in mistake for mistake in found)
    assert not any(values[place] in mistake for mistake in found)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="{}$"), min_size=9))
def test_no_secret_of_the_environment_stands_in_the_document_whatever_it_is(folder, secret: str) -> None:
    text = (
        "scenarios:\n  a:\n    driver: http\n    load: {rate: 1/s, duration: 1m}\n"
        '    operations: [{name: x, request: POST /, raw: "a ${THE_SECRET} b", headers: {x-it: "${PLAIN}"},'
        ' auth: {bearer: "${THE_SECRET}"}}]\n'
    )
    plan = folder.load(text, environ={"THE_SECRET": secret, "PLAIN": f"and {secret} here"})
    assert secret not in json.dumps(plan.document, ensure_ascii=False)
    assert secret in plan.secrets


def test_a_short_secret_is_hidden_where_it_stands_and_blots_out_nothing_else(folder) -> None:
    text = (
        "scenarios:\n  api:\n    driver: http\n    load: {rate: 1/s, duration: 1m}\n"
        '    operations: [{name: api, request: GET /api, auth: {bearer: "${TOKEN}"}}]\n'
    )
    plan = folder.load(text, environ={"TOKEN": "api"})
    assert plan.document["scenarios"]["api"]["operations"] == [
        {"name": "api", "request": "GET /api", "auth": {"bearer": "***"}}
    ]


@pytest.mark.parametrize("name", ["API_TOKEN", "secret", "DB_PASSWORD", "PGPASSWD", "KEY", "MY_CREDENTIALS", "AUTH"])
def test_names_that_look_secret(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize("name", ["HOST", "LOADTESTS_HTTP", "USER", "RATE"])
def test_names_that_do_not(name: str) -> None:
    assert not looks_secret(name)


def test_masking_hides_longer_secrets_first() -> None:
    assert mask("abcdef abc x", ["abc", "abcdef", ""]) == "*** *** x"
    assert mask("nothing", []) == "nothing"
