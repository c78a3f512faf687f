"""Names on the command line mean scenarios; a suite may shorten them, and the documents say so too."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.errors import UsageError
from loadtests.plan.loader import plan_from_document
from loadtests.plan.model import ClosedLoad, OpenLoad, Stage
from loadtests.plan.selection import narrowed, select

SECOND = 10**9
PLAN = """
scenarios:
  open:
    driver: null
    load: {rate: 10/s, duration: 5m, ramp: 30s}
    warmup: 60s
    operations: [{name: x, law: 1ms}]
    thresholds: [p99 < 1s, "x: p95 < 1s for 30s abort [A-B]"]
  closed:
    driver: null
    load: {users: 1000, spawn_rate: 100/s, duration: 5m}
    operations: [{name: x, law: 1ms}]
  staged:
    driver: null
    load: {stages: [{rate: 9/s, over: 10s}, {rate: 9/s, for: 70s}, {rate: 1/s, over: 10s}], arrivals: poisson}
    operations: [{name: x, law: 1ms}]
suites:
  short: {scenarios: [staged, open], duration: 20s}
  tiny: {scenarios: [closed], duration: 4s}
  long: {scenarios: [open], duration: 1h}
  full: {scenarios: [closed, open]}
"""


@pytest.fixture
def plan(folder):
    return folder.load(PLAN)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param([], ["open", "closed", "staged"], id="no names mean every scenario"),
        pytest.param(["closed"], ["closed"], id="a scenario"),
        pytest.param(["full"], ["closed", "open"], id="a suite, in its order"),
        pytest.param(["open", "full", "open"], ["open", "closed"], id="each once, by first mention"),
    ],
)
def test_names_mean_scenarios(plan, names: list[str], expected: list[str]) -> None:
    assert [scenario.name for scenario in select(plan, names)] == expected


def test_no_names_mean_the_default_suite_where_there_is_one(folder) -> None:
    plan = folder.load(PLAN + "  default: {scenarios: [staged]}\n")
    assert [scenario.name for scenario in select(plan, [])] == ["staged"]


def test_an_unknown_name_is_told_the_nearest(plan) -> None:
    with pytest.raises(UsageError, match=r"no scenario or suite stagd; it has .*; did you mean staged\?") as caught:
        select(plan, ["stagd"])
    assert caught.value.exit_code == 2


def test_a_suite_shortens_ramp_and_stages_in_proportion(plan) -> None:
    staged, opened = select(plan, ["short"])
    assert opened.load == OpenLoad((Stage(10, 2 * SECOND, ramp=True), Stage(10, 18 * SECOND, ramp=False)))
    assert isinstance(staged.load, OpenLoad)
    assert staged.load.duration_ns == 20 * SECOND
    assert [stage.duration_ns for stage in staged.load.stages] == [2222222222, 15555555555, 2222222223]
    assert staged.load.arrivals == "poisson"


def test_warm_up_takes_at_most_a_quarter_of_a_shortened_scenario(plan) -> None:
    assert select(plan, ["short"])[1].steady_ns == (5 * SECOND, 20 * SECOND)


def test_spawning_keeps_its_rate_unless_it_would_take_over_half(plan) -> None:
    (closed,) = select(plan, ["tiny"])
    assert isinstance(closed.load, ClosedLoad)
    assert closed.load.spawn_rate == pytest.approx(500)
    assert closed.load.ramp_ns < 2 * SECOND


def test_a_sliding_window_is_cut_to_what_is_left_and_the_sentence_says_so(plan) -> None:
    threshold = select(plan, ["short"])[1].thresholds[1]
    assert (threshold.text, threshold.clause) == ("x: p95 < 1s for 15s abort", "A-B")


def test_a_suite_never_lengthens(plan) -> None:
    assert select(plan, ["long"]) == [plan.scenarios["open"]]


def test_a_scenario_named_before_its_suite_keeps_its_length(plan) -> None:
    assert select(plan, ["open", "short"])[0] == plan.scenarios["open"]


def test_the_documents_of_a_narrowed_plan_say_what_its_scenarios_are(plan) -> None:
    short = narrowed(plan, ["short"])
    for document in (short.document, short.unmasked):
        assert plan_from_document(document, source="x").scenarios == short.scenarios
    assert list(short.document["scenarios"]) == ["staged", "open"]
    assert "suites" not in short.document


def test_a_narrowed_plan_keeps_its_secrets_hidden_and_known(folder) -> None:
    plan = folder.load(
        "scenarios:\n  a:\n    driver: http\n    load: {rate: 1/s, duration: 1m}\n"
        '    operations: [{name: x, request: POST /, json: {it: "${TOKEN}"}}]\n'
        "suites: {s: {scenarios: [a], duration: 9s}}\n",
        environ={"TOKEN": "ab"},
    )
    short = narrowed(plan, ["s"])
    assert short.document["scenarios"]["a"]["operations"][0]["json"] == {"it": "***"}
    assert short.scenarios["a"].operations[0].request.body.value == {"it": "ab"}
    assert short.secrets == plan.secrets == ("ab",)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.booleans()), min_size=1, max_size=4),
    st.integers(1, 3600),
    st.integers(0, 10**6),
)
def test_any_profile_can_be_shortened_to_any_length(stages: list[tuple[int, bool]], seconds: int, warmup: int) -> None:
    """And keeps something to judge."""
    parts = [{"rate": "5/s", "over" if ramp else "for": f"{ms}ms"} for ms, ramp in stages] + [
        {"rate": "5/s", "for": "9s"}
    ]
    total = sum(ms for ms, _ in stages) + 9000
    document = {
        "version": 1,
        "scenarios": {
            "a": {
                "driver": "null",
                "load": {"stages": parts},
                "warmup": f"{min(warmup, 8000)}ms",
                "operations": [{"name": "x", "law": "1ms"}],
                "thresholds": ["p50 < 1s for 1s"],
            }
        },
        "suites": {"s": {"scenarios": ["a"], "duration": f"{seconds}s"}},
    }
    (short,) = select(plan_from_document(document, source="x", environ={}), ["s"])
    assert short.load.duration_ns == min(total * 10**6, seconds * SECOND)
    assert short.steady_ns[0] < short.steady_ns[1]
