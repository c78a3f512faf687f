"""Every mistake is reported, all at once, in plain words with the nearest valid spelling."""

import re
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plan_documents import scenario

from loadtests.errors import PlanError
from loadtests.plan.loader import load_plan, plan_from_document

TEN_MISTAKES = """\
version: 1
target: {htp: http://127.0.0.1:1}
scenarios:
  api:
    driver: htpp
    load: {rate: 1000, duration: 5m}
    operations: [{name: a, request: GET /}]
  users:
    driver: http
    load: {users: 10, duration: 10s, think: 1s, pacing: 1s}
    warmup: 1 minute
    operations:
      - {name: a, request: GTE /health}
      - {name: a, request: "GET /{{usr}}"}
    data: {user: {sequence: 1..10}}
    thresholds:
      - eror < 1%
      - "b: p99 < 1s"
suites:
  all: {scenarios: [apo]}
"""
EXPECTED = """\
line 2: target.htp: unknown key; expected http, websocket, database, metrics, process, allow, instances or tls; did you mean http?
line 5: scenarios.api.driver: unknown driver; expected one of http, websocket, database, agent, locust, null (got htpp); did you mean http?
line 6: scenarios.api.load.rate: expected a rate such as 1000/s or 90/m (got 1000)
line 10: scenarios.users.load.pacing: think and pacing exclude each other: keep one (got 1s)
line 11: scenarios.users.warmup: expected a duration such as 250ms, 1.5s, 5m or 2m30s (got 1 minute)
line 13: scenarios.users.operations.a.request: unknown method; expected GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS (got GTE /health); did you mean GET?
line 14: scenarios.users.operations.a.request: {{usr}} is fed by nothing: feed it in data, or extract it in an earlier step; did you mean {{user}}?
line 14: scenarios.users.operations.a.name: a is the name of an operation already (got a)
line 17: scenarios.users.thresholds.0: unknown metric; expected pNN, mean, max, errors, success, timeouts, drops, throughput, connect pNN, first byte pNN, lag pNN, target cpu|memory|pool|lock wait, or of WebSockets connect failures, lost, duplicated, out of order, reach, ping pNN, push pNN, delivery pNN, first event pNN, or of agents ttft pNN, token gap pNN, token rate pNN, phase NAME pNN, goodput, accuracy, mixed up, refusals, queue, parallel (got eror < 1%); did you mean errors?
line 20: suites.all.scenarios.0: there is no scenario apo; there is api, users (got apo); did you mean api?
"""  # noqa: E501


def test_ten_mistakes_are_reported_at_once(folder) -> None:
    path = folder.write("ten.yaml", TEN_MISTAKES)
    with pytest.raises(PlanError) as caught:
        load_plan(path, environ={})
    assert len(caught.value.mistakes) == 10
    assert "\n".join(map(str, caught.value.mistakes)) == EXPECTED.rstrip()
    assert str(caught.value).startswith(f"{path}: 10 mistakes\n  line 2: ")


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        pytest.param("{}", "scenarios.a.load: expected one of rate, users, connections or stages", id="no form at all"),
        pytest.param("5", "scenarios.a.load: expected a mapping with rate, duration,", id="no mapping"),
        pytest.param("{rate: 0/s, duration: 1m}", "load.rate: expected a rate above 0", id="a rate of zero"),
        pytest.param("{rate: 1/s}", "load.duration: is required", id="no duration"),
        pytest.param("{rate: 1/s, duration: 0s}", "load.duration: expected a duration longer than 0", id="no time"),
        pytest.param("{rate: 1/s, duration: 5}", "duration such as 250ms, 1.5s, 5m or 2m30s (got 5)", id="no unit"),
        pytest.param("{rate: 1/s, duration: 9s, ramp: 9s}", "load.ramp: must be shorter than", id="nothing but ramp"),
        pytest.param(
            "{rate: 1/s, duration: 9s, users: 3}", "load.rate: does not belong to a closed load", id="two forms"
        ),
        pytest.param(
            "{users: 3, duration: 9s, arrivals: poisson}", "load.arrivals: does not belong to a closed", id="mixed"
        ),
        pytest.param(
            "{users: 0, duration: 9s}", "load.users: expected a whole number from 1 up (got 0)", id="no users"
        ),
        pytest.param("{users: 1.5, duration: 9s}", "load.users: expected a whole number", id="half a user"),
        pytest.param("{users: true, duration: 9s}", "load.users: expected a whole number", id="true is no number"),
        pytest.param(
            "{users: 9, duration: 9s, spawn_rate: 0/s}", "spawn_rate: expected a rate above 0", id="no spawning"
        ),
        pytest.param(
            "{users: 9, duration: 9s, think: 2s..1s}", "load.think: expected a range from low to high", id="think"
        ),
        pytest.param(
            "{users: 9, duration: 2s, spawn_rate: 1/s}", "last of 9 users starts after 8s", id="endless spawning"
        ),
        pytest.param("{stages: []}", "load.stages: expected at least one stage with a rate above 0", id="no stages"),
        pytest.param(
            "{stages: [{rate: 0/s, for: 1s}]}", "at least one stage with a rate above 0", id="only zero rates"
        ),
        pytest.param("{stages: [{rate: 1/s}]}", "stages.0: expected exactly one of over", id="a stage without time"),
        pytest.param("{stages: [{rate: 1/s, over: 1s}]}", "a load that only climbs from zero", id="only a climb"),
        pytest.param(
            "{stages: [{rate: 1/s, for: 1s}], ramp: 1s}", "load.ramp: does not belong to", id="stages with ramp"
        ),
        pytest.param("{rate: 1/s, duration: 9s, arrivals: poison}", "expected constant or poisson", id="arrivals"),
        pytest.param(
            "{rate: 1/s, duration: 9s, max_in_flight: 0}", "max_in_flight: expected a whole number", id="no room"
        ),
    ],
)
def test_a_load_that_means_nothing_is_a_mistake(folder, load: str, expected: str) -> None:
    assert expected in folder.mistakes(scenario(load=load))[0]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            ["warmup: 1m"], "scenarios.a.warmup: leaves nothing to judge of a load of 1m", id="endless warm-up"
        ),
        pytest.param(["timeout: 0s"], "scenarios.a.timeout: expected a duration longer than 0", id="no timeout"),
        pytest.param(
            ["seed: -1"], "scenarios.a.seed: expected a whole number from 0 up (got -1)", id="a negative seed"
        ),
        pytest.param(["tiemout: 1s"], "unknown key; expected driver, load, warmup, timeout", id="a misspelt key"),
        pytest.param(["operations: []"], "operations: expected at least one operation", id="no operations"),
        pytest.param(["operations: {a: 1}"], "operations: expected a list of operations", id="no list"),
        pytest.param(["operations: [x]"], "operations.0: expected a mapping with", id="no mapping in the list"),
        pytest.param(
            ["operations: [{name: x, request: GET /, weight: 0}]"], "every weight is 0", id="weights all zero"
        ),
        pytest.param(["http: {keepalive: no}"], "http.keepalive: unknown key", id="a misspelt setting"),
        pytest.param(["http: {cookies: maybe}"], "http.cookies: expected true or false (got maybe)", id="no truth"),
        pytest.param(
            ["data: {u: {}}"], "data.u: expected exactly one of sequence, random, values, file", id="no source"
        ),
        pytest.param(["data: {u: {sequence: 9..1}}"], "expected a range of whole numbers", id="a range backwards"),
        pytest.param(["data: {u: {values: []}}"], "data.u.values: expected at least one value", id="no values"),
        pytest.param(
            ["data: {u: {sequence: 1..2, order: random}}"], "order is for values and file", id="needless order"
        ),
        pytest.param(["data: {u: {values: [1], order: rndom}}"], "expected sequence or random", id="a misspelt order"),
        pytest.param(
            ["data: {a.b: {values: [1]}}"], "expected a name of letters, digits and _", id="a name with a dot"
        ),
        pytest.param(
            ["data: {u: {file: none.csv}}"], "data.u.file: there is no such file beside the plan", id="no file"
        ),
        pytest.param(
            ["data: {u: {file: t.csv, column: nme}}"], "no such column; it has name, mail", id="no such column"
        ),
        pytest.param(["data: {u: {file: empty.csv}}"], "expected a row of column names", id="an empty table"),
        pytest.param(["data: {u: {file: odd.csv}}"], "row 3 has 1 values where the first has 2 columns", id="odd rows"),
        pytest.param(["data: {u: {file: latin.csv}}"], "the file is not UTF-8 text", id="another encoding"),
        pytest.param(["thresholds: p99 < 1s"], "thresholds: expected a list of sentences", id="no list of thresholds"),
        pytest.param(
            ["thresholds: [{a: p99 < 1s}]"], "put it in quotes if it holds a colon", id="a colon without quotes"
        ),
        pytest.param(["thresholds: ['b: p99 < 1s']"], "there is no operation b; there is x", id="an unknown operation"),
        pytest.param(
            ["thresholds: [p99 < 1s for 61s]"], "longer than the steady interval of 1m", id="too long a window"
        ),
        pytest.param(["thresholds: [p99 < 1s, p99 < 1000ms]"], "says the same as an earlier", id="the same twice"),
        pytest.param(
            ["thresholds: ['x: target cpu < 1%']"], "measured for the whole scenario", id="CPU of an operation"
        ),
    ],
)
def test_a_scenario_that_means_nothing_is_a_mistake(folder, lines: list[str], expected: str) -> None:
    folder.write("t.csv", "name,mail\nann,a@x\n")
    folder.write("empty.csv", "")
    folder.write("odd.csv", "a,b\n1,2\n3\n")
    (folder.path / "latin.csv").write_bytes("name\nJosé\n".encode("latin-1"))
    found = folder.mistakes(scenario(*lines))
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param("{http: '127.0.0.1:8080'}", "target.http: expected an address such as http://", id="no scheme"),
        pytest.param("{http: 'htp://h', metrics: 'http://h'}", "did you mean http://?", id="a misspelt scheme"),
        pytest.param("{http: 'http://h:99999'}", "target.http: expected an address", id="no such port"),
        pytest.param(
            "{http: 'http://h', allow: ['http://x']}", "target.allow.0: expected a host name", id="a URL allowed"
        ),
        pytest.param(
            "{http: 'http://h', instances: 0}", "instances: expected a whole number from 1", id="no instances"
        ),
        pytest.param("{http: 'http://h', tls: {ca: none}}", "target.tls.ca: there is no such file", id="no CA file"),
        pytest.param("{http: 'http://h', tls: {key: p.csv}}", "a key needs its certificate", id="key without cert"),
        pytest.param(
            "{metrics: 'http://h/m'}", "target.http: is required: scenario a sends", id="no address to send to"
        ),
    ],
)
def test_a_target_that_is_none_is_a_mistake(folder, target: str, expected: str) -> None:
    folder.write("p.csv", "")
    assert expected in folder.mistakes(f"version: 1\ntarget: {target}\n{scenario()}")[0]


@pytest.mark.parametrize(
    ("threshold", "driver", "load", "expected"),
    [
        pytest.param("connect p95 < 1ms", "null", None, "the null driver connects to nothing", id="connect of null"),
        pytest.param("drops < 1%", "http", "{users: 1, duration: 1m}", "never drops", id="drops of a closed load"),
        pytest.param(
            "target cpu < 1%", "http", None, "give target.metrics or target.process", id="nothing to read CPU"
        ),
        pytest.param(
            "target pool < 1%", "http", None, "nothing measures target pool: give target.metrics", id="no pool"
        ),
    ],
)
def test_a_threshold_that_nothing_measures_is_a_mistake(
    folder, threshold: str, driver: str, load: str | None, expected: str
) -> None:
    text = scenario(f"thresholds: [{threshold}]", driver=driver, load=load or "{rate: 1/s, duration: 1m}")
    assert expected in folder.mistakes(f"version: 1\ntarget: {{http: 'http://h'}}\n{text}")[0]


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        pytest.param("api v1.2_x-y:z", True, id="letters, digits, space and a few marks"),
        pytest.param("a/b", False, id="no slash in a scenario"),
        pytest.param("a" * 64, True, id="64 letters"),
        pytest.param("a" * 65, False, id="not 65"),
        pytest.param("' a'", False, id="no space at an end"),
        pytest.param("'a\tb'", False, id="no tab"),
        pytest.param("a[b]", False, id="no brackets"),
    ],
)
def test_scenario_names_are_fit_for_files_and_reports(folder, name: str, fine: bool) -> None:
    text = scenario().replace("  a:", f"  {name}:", 1)
    if fine:
        assert folder.load(text).scenarios
    else:
        assert "a name has 1 to 64" in folder.mistakes(text)[0]


def test_a_threshold_may_name_any_step_of_a_python_journey(folder) -> None:
    text = scenario("operations: [{name: shop, journey: a:b}]", "thresholds: ['shop/pay: p99 < 1s']")
    assert folder.load(text).scenarios["a"].thresholds[0].operation == "shop/pay"


def test_suites_and_scenarios_share_one_space_of_names(folder) -> None:
    assert "there is a scenario of the same name" in folder.mistakes(scenario() + "suites: {a: {scenarios: [a]}}\n")[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "the file: is empty", id="nothing"),
        pytest.param("# only a comment\n", "the file: is empty", id="a comment only"),
        pytest.param("- a\n", "the file: expected a mapping with version, target, scenarios or suites", id="a list"),
        pytest.param("version: 1\nscenarios: {}\n", "scenarios: expected at least one scenario", id="no scenarios"),
        pytest.param(
            "version: 2\n" + scenario(), "version: expected 1, the only version there is (got 2)", id="version 2"
        ),
        pytest.param(scenario(), "version: is required", id="no version"),
        pytest.param("version: 1\n\tscenarios: {}\n", "indent with spaces, not with tabs", id="tabs"),
        pytest.param("version: 1\nscenarios: {a: [\n", "not closed", id="an open bracket"),
        pytest.param(
            "a: {b: ${C}}\n", "put texts that hold ${NAME}, {{name}} or a comma in quotes", id="braces in braces"
        ),
        pytest.param(
            "a: [p99 < 1s [B]]\n", "put texts that hold a bracket or a comma in quotes", id="brackets in brackets"
        ),
        pytest.param("version: 1: 2\n", "a colon stands where none can", id="two colons"),
        pytest.param("version: 1\n  x: 1\n", "colon stands where none can; put the value in quotes", id="indentation"),
        pytest.param("version: 1\n---\nversion: 1\n", "expected YAML text of one document", id="two documents"),
        pytest.param("version: 1\nversion: 1\n" + scenario(), "a second time (first on line 1)", id="a key twice"),
        pytest.param("version: &v [*v]\n", "an anchor that refers to itself", id="an endless anchor"),
        pytest.param("? [a]\n: b\n", "expected plain text as a key", id="a list as a key"),
    ],
)
def test_a_file_that_is_no_plan_is_said_plainly(folder, text: str, expected: str) -> None:
    path = folder.write("bad.yaml", text.replace("scenarios:\n  a:", "target: {http: 'http://h'}\nscenarios:\n  a:"))
    with pytest.raises(PlanError) as caught:
        load_plan(path, environ={})
    assert any(expected in str(mistake) for mistake in caught.value.mistakes), str(caught.value)


def test_a_plan_that_is_not_utf8_is_said_plainly(folder) -> None:
    path = folder.path / "latin.yaml"
    path.write_bytes("# José\nversion: 1\n".encode("latin-1"))
    with pytest.raises(PlanError, match="not UTF-8"):
        load_plan(path)


def test_an_unset_variable_is_one_mistake_and_not_two(folder, minimal) -> None:
    text = "version: 1\ntarget: {http: '${HOTS}'}\n" + minimal
    assert folder.mistakes(text, environ={"HOST": "x"}) == [
        "target.http: the environment variable is not set; set it, or give a default: ${NAME:-default} "
        "(got ${HOTS}); did you mean ${HOST}?"
    ]
    assert "expected ${NAME} or ${NAME:-default}" in folder.mistakes(text.replace("HOTS", "HO TS"))[0]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        pytest.param("scenarios.apo.seed=1", "there is api (got apo); did you mean api?", id="an unknown scenario"),
        pytest.param("scenarios.api.operations.helth.weight=1", "did you mean health?", id="an unknown operation"),
        pytest.param("scenarios.api.operations.5.weight=1", "there is health (got 5)", id="a number too high"),
        pytest.param("scenarios.api.sed=1", "scenarios.api.sed: unknown key", id="an unknown key"),
        pytest.param("scenarios.api.load.rate.x=1", "nothing below that could be set", id="below a value"),
        pytest.param("scenarios.api.seed", "expected PATH=VALUE", id="no value"),
        pytest.param("scenarios.api.thresholds=[", "expected a YAML value", id="no YAML"),
        pytest.param("scenarios.api.load.rate=fast", "expected a rate such as", id="a value that does not fit"),
    ],
)
def test_an_override_that_fits_nowhere_is_a_mistake(folder, minimal, override: str, expected: str) -> None:
    (found,) = folder.mistakes(minimal, overrides=(override,))
    assert expected in found
    assert "line" not in found


@pytest.mark.parametrize("value", ["5", "[]", "{}", "text", "true", "1.5", "null", "[[1]]", "{a: {b: 1}}"])
@pytest.mark.parametrize(
    "key", ["load", "warmup", "timeout", "seed", "operations", "data", "thresholds", "http", "driver"]
)
def test_pydantics_own_words_never_reach_a_person(folder, key: str, value: str) -> None:
    text = re.sub(rf"(?m)^    {key}: .*\n", "", scenario()) + f"    {key}: {value}\n    version: 1\n"
    jargon = re.compile(
        r"input|type=|validation|pydantic|str_|int_|Value error|should be|field|None|'|<class|wrong shape"
    )
    assert not [mistake for mistake in folder.mistakes(text) if jargon.search(mistake)]


_JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), st.text(max_size=6)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
_KEYS = st.sampled_from(
    ["driver", "load", "operations", "data", "thresholds", "http", "rate", "users", "stages", "duration", "name"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(_KEYS, _JUNK), st.dictionaries(_KEYS, _JUNK), st.dictionaries(_KEYS, _JUNK), _JUNK)
def test_no_document_breaks_the_loader(top: dict, load: dict, operation: dict, junk: object) -> None:
    """Whatever stands in it, a document is a plan or a `PlanError`; nothing else comes out."""
    scenario = {"driver": "http", **top, "load": load or junk, "operations": [operation, junk]}
    for document in (
        {"version": 1, "target": junk, "scenarios": {"a": scenario}, "suites": junk},
        {"version": junk, "scenarios": junk},
        {"version": 1, "scenarios": {"a": {**scenario, "driver": "null", "load": {"rate": "1/s", "duration": "1m"}}}},
    ):
        with pytest.raises(PlanError):
            plan_from_document(document, source="x", environ={})


def test_lines_are_those_of_the_file(folder) -> None:
    path = folder.write("lines.yaml", dedent(TEN_MISTAKES))
    lines = path.read_text().splitlines()
    with pytest.raises(PlanError) as caught:
        load_plan(path, environ={})
    for mistake in caught.value.mistakes:
        key = mistake.path.split(".")[-1]
        assert key in lines[mistake.line - 1] or key.isdigit()
