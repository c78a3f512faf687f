"""A plan file means one `Plan`, in base units."""

from collections.abc import Callable
from pathlib import Path

import pytest

from loadtests.errors import PlanError
from loadtests.plan.loader import load_plan, plan_from_document
from loadtests.plan.model import ClosedLoad, OpenLoad, Plan, Stage, Tls
from loadtests.plan.protocol.http import Body, Check, Extract, HttpSettings
from loadtests.plan.protocol.null import NullOperation

SECOND = 10**9
Api = Callable[..., Plan]


def load_of(folder, load: str):
    plan = folder.load(
        f"""
        scenarios:
          a:
            driver: null
            load: {load}
            operations: [{{name: x, law: 5ms}}]
        """
    )
    return plan.scenarios["a"].load


def operation_of(folder, *lines: str):
    text = "".join(f"        {line}\n" for line in lines)
    plan = folder.load(
        "scenarios:\n  a:\n    driver: http\n    load: {rate: 1/s, duration: 1m}\n    data: {user: {sequence: 1..9}}\n"
        f"    operations:\n      - name: op\n{text}"
    )
    return plan.scenarios["a"].operations[0]


def test_the_smallest_plan_has_its_defaults(folder, minimal) -> None:
    scenario = folder.load(minimal).scenarios["api"]
    assert (scenario.warmup_ns, scenario.timeout_ns, scenario.seed) == (0, 10 * SECOND, 0)
    assert (scenario.thresholds, scenario.data, scenario.http) == ((), {}, HttpSettings())
    assert scenario.load == OpenLoad((Stage(100.0, 60 * SECOND, ramp=False),), "constant", 2000)
    assert scenario.operations[0].request.check == Check()


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        pytest.param(
            "{rate: 90/m, duration: 1m, ramp: 10s, arrivals: poisson, max_in_flight: 7}",
            OpenLoad((Stage(1.5, 10 * SECOND, ramp=True), Stage(1.5, 50 * SECOND, ramp=False)), "poisson", 7),
            id="a ramp is within the duration",
        ),
        pytest.param(
            "{stages: [{rate: 5/s, over: 30s}, {rate: 5/s, for: 2m}, {rate: 0/s, over: 1s}]}",
            OpenLoad(
                (Stage(5, 30 * SECOND, ramp=True), Stage(5, 120 * SECOND, ramp=False), Stage(0, SECOND, ramp=True))
            ),
            id="stages move over a time or hold for a time",
        ),
        pytest.param(
            "{users: 10, spawn_rate: 2/s, duration: 1m, think: 0.5s..1.5s}",
            ClosedLoad(10, 60 * SECOND, 2.0, (SECOND // 2, SECOND * 3 // 2)),
            id="users who think",
        ),
        pytest.param(
            "{users: 10, duration: 1m, think: 1s}",
            ClosedLoad(10, 60 * SECOND, None, (SECOND, SECOND)),
            id="users who think for a fixed time",
        ),
        pytest.param(
            "{users: 10, duration: 1m, pacing: 1s}", ClosedLoad(10, 60 * SECOND, None, None, SECOND), id="pace"
        ),
    ],
)
def test_a_load_has_one_of_three_forms(folder, load: str, expected: object) -> None:
    assert load_of(folder, load) == expected


def test_a_request_is_read_whole(folder) -> None:
    operation = operation_of(
        folder,
        "weight: 2.5",
        "timeout: 250ms",
        "request: POST /x/{{user}}",
        'headers: {x-number: 5, x-user: "{{user}}"}',
        'json: {user: "{{user}}", deep: [1, {a: null}]}',
        "auth: {basic: [ann, secret]}",
        "check: {status: [200, 201], json: {a.b: 1}, contains: ok, headers: {etag: x}, max_bytes: 64kB}",
        "redirects: 3",
    )
    request = operation.request
    assert (operation.weight, operation.timeout_ns) == (2.5, 250_000_000)
    assert (request.method, request.path, request.redirects) == ("POST", "/x/{{user}}", 3)
    assert request.headers == {"x-number": "5", "x-user": "{{user}}"}
    assert request.body == Body("json", {"user": "{{user}}", "deep": [1, {"a": None}]})
    assert request.auth == ("basic", "ann:secret")
    assert request.check == Check((200, 201), {"a.b": 1}, ("ok",), {"etag": "x"}, 64_000)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("form: {a: 1, b: x}", Body("form", {"a": "1", "b": "x"}), id="a form"),
        pytest.param("raw: hello", Body("raw", "hello"), id="text as it stands"),
        pytest.param("json: []", Body("json", []), id="an empty JSON list is a body"),
        pytest.param("file: body.bin", Body("file", b"\x00\xff"), id="a file beside the plan"),
    ],
)
def test_a_request_has_one_kind_of_body(folder, line: str, expected: Body) -> None:
    (folder.path / "body.bin").write_bytes(b"\x00\xff")
    assert operation_of(folder, "request: POST /x", line).request.body == expected


def test_an_absolute_address_needs_no_target(folder) -> None:
    plan = folder.load(
        """
        version: 1
        scenarios:
          a:
            driver: http
            load: {rate: 1/s, duration: 1m}
            operations: [{name: x, request: GET http://127.0.0.1:1/y}]
        """
    )
    assert plan.target.http is None


def test_a_journey_is_steps_that_hand_values_on(folder) -> None:
    operation = operation_of(
        folder,
        "steps:",
        "  - name: log in",
        "    request: POST /login",
        "    extract: {token: {json: token}, session: {header: x-session}, id: {regex: 'id=(\\d+)'}}",
        "  - name: look",
        '    request: "GET /{{id}}/{{session}}"',
        '    auth: {bearer: "{{token}}"}',
        "    think: 1s..2s",
        "    timeout: 3s",
    )
    first, second = operation.steps
    assert first.extract == {
        "token": Extract("json", "token"),
        "session": Extract("header", "x-session"),
        "id": Extract("regex", "id=(\\d+)"),
    }
    assert (second.think_ns, second.timeout_ns) == ((SECOND, 2 * SECOND), 3 * SECOND)
    assert second.request.auth == ("bearer", "{{token}}")


def test_a_journey_may_be_a_python_function(folder) -> None:
    assert operation_of(folder, "journey: shop.visits:buy").journey == "shop.visits:buy"


def test_the_null_driver_is_null_in_yaml_with_and_without_quotes(folder) -> None:
    for written in ("null", "'null'"):
        plan = folder.load(
            f"""
            scenarios:
              a:
                driver: {written}
                load: {{rate: 1/s, duration: 1m}}
                operations: [{{name: x, law: "5ms 98%, 100ms 2%", fail_every: 50}}]
            """
        )
        operation = plan.scenarios["a"].operations[0]
        assert plan.scenarios["a"].driver == "null"
        assert isinstance(operation, NullOperation)
        assert (operation.law.text, operation.fail_every) == ("5ms 98%, 100ms 2%", 50)


def test_the_target_is_read_whole(folder, minimal) -> None:
    folder.write("ca.pem", "x")
    target = folder.load(
        "version: 1\ntarget:\n  http: https://[::1]:8443/base/\n  websocket: wss://h/ws\n"
        "  database: postgresql://u@h/db\n  process: 4711\n  instances: 3\n"
        "  allow: [a.example, 10.0.0.1, 10.1.0.0/16]\n"
        "  tls: {ca: ca.pem, verify: false}\n" + minimal
    ).target
    assert target.http == "https://[::1]:8443/base"
    assert (target.websocket, target.database, target.process) == ("wss://h/ws", "postgresql://u@h/db", 4711)
    assert (target.allow, target.instances) == (("a.example", "10.0.0.1", "10.1.0.0/16"), 3)
    assert target.tls == Tls(str(folder.path / "ca.pem"), verify=False)


def test_feeders_come_from_ranges_values_and_tables(folder, api_with: Api) -> None:
    folder.write("users.csv", "name,mail\nann,a@x\nbob,b@x\n")
    folder.write("one.csv", "\ufeffcity\nBern\nRom\n")
    data = (
        api_with(
            """
        data:
          n: {sequence: 1..3}
          r: {random: 5..6}
          v: {values: [a, 2, true], order: random}
          mail: {file: users.csv}
          who: {file: users.csv, column: name}
          account: {file: users.csv, order: random}
          place: {file: one.csv}
        """
        )
        .scenarios["api"]
        .data
    )
    assert (data["n"].values, data["n"].order) == (range(1, 4), "sequence")
    assert (data["r"].values, data["r"].order) == (range(5, 7), "random")
    assert (data["v"].values, data["v"].order) == (("a", "2", "true"), "random")
    assert data["mail"].values == ("a@x", "b@x")
    assert data["who"].values == ("ann", "bob")
    assert data["place"].values == ("Bern", "Rom")
    assert data["account.name"].seed == data["account.mail"].seed != data["r"].seed
    assert "account" not in data


def test_the_scenario_seed_moves_every_feeder(api_with: Api) -> None:
    lines = "data: {r: {random: 1..9}}\nseed: "
    assert (
        api_with(f"{lines}1").scenarios["api"].data["r"].seed != api_with(f"{lines}2").scenarios["api"].data["r"].seed
    )


def test_suites_keep_their_scenarios_and_duration(folder, minimal) -> None:
    suite = folder.load(minimal + "suites: {s: {scenarios: [api], duration: 20s}}\n").suites["s"]
    assert (suite.scenarios, suite.duration_ns) == (("api",), 20 * SECOND)


@pytest.mark.parametrize(
    ("written", "environ", "expected"),
    [
        pytest.param("${HOST}/x", {"HOST": "http://h:1"}, "http://h:1/x", id="a variable within a text"),
        pytest.param("${HOST:-http://d:2}", {}, "http://d:2", id="a default where it is unset"),
        pytest.param("${HOST:-http://d:2}", {"HOST": ""}, "http://d:2", id="a default where it is empty"),
        pytest.param("${A}://${B}", {"A": "http", "B": "h:3"}, "http://h:3", id="two variables"),
        pytest.param("${A}", {"A": "http://h/${B}"}, "http://h/${B}", id="a value is not filled in again"),
        pytest.param("http://h/$${A}", {"A": "x"}, "http://h/${A}", id="two dollars stand for themselves"),
    ],
)
def test_the_environment_fills_texts(folder, minimal, written: str, environ: dict[str, str], expected: str) -> None:
    plan = folder.load(f'version: 1\ntarget: {{http: "{written}"}}\n{minimal}', environ=environ)
    assert plan.target.http == expected
    assert plan.document["target"]["http"] == expected


def test_numbers_may_come_from_the_environment(folder) -> None:
    plan = folder.load(
        """
        scenarios:
          a:
            driver: http
            load: {users: "${N}", duration: "${T}"}
            http: {keep_alive: "${KEEP:-false}"}
            operations: [{name: x, request: GET /, weight: "${N}"}]
        """,
        environ={"N": "12", "T": "30s"},
    )
    scenario = plan.scenarios["a"]
    assert scenario.load == ClosedLoad(12, 30 * SECOND)
    assert (scenario.operations[0].weight, scenario.http.keep_alive) == (12.0, False)


@pytest.mark.parametrize(
    ("override", "look"),
    [
        pytest.param("scenarios.api.load.rate=7/s", lambda s: s.load.stages[0].rate == 7, id="a value that is there"),
        pytest.param(
            "scenarios.api.timeout=2s", lambda s: s.timeout_ns == 2 * SECOND, id="a key that is not there yet"
        ),
        pytest.param(
            "scenarios.api.http.keep_alive=false", lambda s: not s.http.keep_alive, id="a mapping not there yet"
        ),
        pytest.param("scenarios.api.operations.health.weight=3", lambda s: s.operations[0].weight == 3, id="by name"),
        pytest.param("scenarios.api.operations.0.weight=3", lambda s: s.operations[0].weight == 3, id="by number"),
        pytest.param(
            "scenarios.api.thresholds=[p99 < 1s, errors < 1%]", lambda s: len(s.thresholds) == 2, id="a list as YAML"
        ),
        pytest.param("scenarios.api.timeout=${T}", lambda s: s.timeout_ns == 4 * SECOND, id="from the environment"),
    ],
)
def test_one_value_can_be_set_from_outside(folder, minimal, override: str, look: Callable[..., bool]) -> None:
    plan = folder.load(minimal, overrides=(override,), environ={"T": "4s"})
    assert look(plan.scenarios["api"])


def test_names_with_dots_can_be_set(folder, minimal) -> None:
    plan = folder.load(minimal.replace("api:", "api.v1.2:"), overrides=("scenarios.api.v1.2.seed=3",))
    assert plan.scenarios["api.v1.2"].seed == 3


def test_yaml_anchors_merges_and_dates_work(folder) -> None:
    plan = folder.load(
        """
        scenarios:
          a: &a
            driver: http
            load: {rate: 1/s, duration: 1m}
            operations: [{name: x, request: POST /, json: {day: 2024-01-31, octal: 010, yes: yes}}]
          b:
            <<: *a
            seed: 5
        """
    )
    body = {"day": "2024-01-31", "octal": 10, "yes": "yes"}
    assert plan.scenarios["a"].operations[0].request.body == Body("json", body)
    assert plan.scenarios["b"].operations == plan.scenarios["a"].operations
    assert (plan.scenarios["a"].seed, plan.scenarios["b"].seed) == (0, 5)


def test_an_embedded_target_takes_the_place_of_the_files(folder, minimal) -> None:
    text = "version: 1\ntarget: {http: '${UNSET}', process: uvicorn}\n" + minimal
    plan = folder.load(text + "    thresholds: [target cpu < 70%]\n", embedded="http://127.0.0.1:5/")
    assert (plan.target.http, plan.target.metrics) == ("http://127.0.0.1:5", "http://127.0.0.1:5/metrics")
    assert plan.target.process is None


def test_the_database_of_an_embedded_target_takes_the_place_of_the_files(folder, minimal) -> None:
    """Its password is kept like any other; a target without one leaves the file's alone."""
    text = "version: 1\ntarget: {database: '${DSN:-postgresql://127.0.0.1/own}'}\n" + minimal
    dsn = "postgresql://netra:secret-of-today@127.0.0.1:15432/netra"
    plan = folder.load(text, embedded="http://127.0.0.1:5", embedded_database=dsn)
    assert plan.target.database == dsn
    assert "secret-of-today" not in str(plan.document)
    assert folder.load(text, embedded="http://127.0.0.1:5").target.database == "postgresql://127.0.0.1/own"


def test_the_stored_document_reads_back_as_the_same_plan(folder, minimal) -> None:
    """Also where the files it names are gone: it is read to be judged."""
    folder.write("users.csv", "name\nann\n")
    text = minimal.replace("request: GET /health", 'request: "GET /{{user}}/{{account.name}}"')
    plan = folder.load(
        text + "    thresholds: [p99 < 1s]\n    data: {user: {file: users.csv}, account: {file: users.csv}}\n"
    )
    (folder.path / "users.csv").unlink()
    stored = plan_from_document(plan.document, source="run.json").scenarios["api"]
    assert (stored.load, stored.thresholds, stored.operations) == (
        plan.scenarios["api"].load,
        plan.scenarios["api"].thresholds,
        plan.scenarios["api"].operations,
    )


def test_the_unmasked_document_reads_back_equal_in_another_process(folder, minimal) -> None:
    """With the tables' values and secrets, from anywhere: it says where its files lie."""
    folder.write("users.csv", "name\nann\n")
    plan = folder.load(
        minimal + "    data: {user: {file: users.csv}}\n    seed: ${N}\n", environ={"N": "3", "TOKEN": "unused"}
    )
    assert plan_from_document(plan.unmasked, source=plan.source) == plan
    assert plan_from_document(plan.unmasked, source=plan.source).scenarios["api"].data["user"].values == ("ann",)


def test_a_stored_document_is_not_filled_in_a_second_time(folder, minimal) -> None:
    plan = folder.load(minimal.replace("GET /health", "'GET /$${HOME}'"))
    assert (
        plan_from_document(plan.document, source="run.json").scenarios["api"].operations[0].request.path == "/${HOME}"
    )


def test_the_plan_of_this_repository_is_valid() -> None:
    path = Path(__file__).parents[2] / "scenarios.yaml"
    plan = load_plan(path, environ={})
    assert {"api", "api-users"} <= set(plan.scenarios)
    assert set(plan.suites["smoke"].scenarios) == set(plan.scenarios) - {"generator"}
    assert plan_from_document(plan.document, source="run.json").scenarios == plan.scenarios


def test_a_missing_file_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="there is no such file") as caught:
        load_plan(tmp_path / "none.yaml")
    assert caught.value.exit_code == 2
