"""junit.xml as its consumers read it: counts, unique names, and the right element for each outcome."""

import xml.etree.ElementTree as ET

import made_verdicts as made
import pytest

from loadtests.judge.verdict import Outcome, ScenarioVerdict
from loadtests.report.compose import page_of
from loadtests.report.junit import render

CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase", "system-out"},
    "properties": {"property"},
    "testcase": {"failure", "error", "skipped"},
}
ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
    "property": {"name", "value"},
    "testcase": {"classname", "name", "time"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message"},
}


def root_of(verdict):
    return ET.fromstring(render(page_of(verdict)).encode())


def cases(verdict):
    return {case.get("name"): [child.tag for child in case] for case in root_of(verdict).iter("testcase")}


@pytest.mark.parametrize("kind", list(made.every()))
def test_the_structure_is_the_one_that_consumers_know(kind):
    """Only the elements and attributes of the common schema, all attributes present, properties before cases."""
    root = root_of(made.every()[kind])
    assert root.tag == "testsuites"
    for element in root.iter():
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
        assert set(element.attrib) == ATTRIBUTES.get(element.tag, set())
    for suite in root:
        tags = [child.tag for child in suite]
        assert tags == ["properties", *["testcase"] * tags.count("testcase"), "system-out"]


@pytest.mark.parametrize("kind", list(made.every()))
def test_counts_agree_with_the_cases(kind):
    """Jenkins trusts the attributes, GitLab counts the elements: both must see the same."""
    root = root_of(made.every()[kind])
    for element in (root, *root):
        found = list(element.iter("testcase"))
        assert int(element.get("tests")) == len(found)
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.get(attribute)) == sum(case.find(tag) is not None for case in found)


def test_a_missed_threshold_is_a_failure():
    """FAIL is a failure with the reason as its message; what passed has no child."""
    found = cases(made.failing())
    assert found == {
        "generator health": [],
        "p50 < 200ms": [],
        "p95 < 31ms": ["failure"],
        "errors < 1%": ["failure"],
        "throughput >= 99/s": [],
    }


def test_an_invalid_run_is_an_error_and_nothing_in_it_passes():
    """INVALID is our error, not the target's failure, and no threshold of that scenario is green."""
    assert set(map(tuple, cases(made.invalid()).values())) == {("error",)}


def test_an_undecided_threshold_is_skipped_with_what_it_needs():
    """INCONCLUSIVE is skipped, with a message."""
    root = root_of(made.inconclusive())
    skipped = root.findall(".//skipped")
    assert [one.get("message") for one in skipped] == ["1,500 samples; p99.9 needs 2,995 at 95% confidence"]


def test_a_scenario_that_is_invalid_without_a_reason_elsewhere_is_not_green():
    """An invalid scenario with healthy generator and no thresholds still has an error."""
    found = cases(made.verdict(Outcome.INVALID, thresholds=(), why="nothing to judge"))
    assert found == {"generator health": [], "verdict": ["error"]}


@pytest.mark.parametrize(
    ("outcome", "tag"),
    [
        pytest.param(Outcome.FAIL, "failure", id="stopped early by a threshold"),
        pytest.param(Outcome.INCONCLUSIVE, "skipped", id="many dropped, and no threshold speaks of it"),
    ],
)
def test_an_outcome_that_no_threshold_tells_has_a_case_of_its_own(outcome, tag):
    """A scenario is not green in a pipeline when its thresholds hold but its verdict is another."""
    assert cases(made.verdict(outcome, why="because"))["verdict"] == [tag]


def test_an_interrupted_run_is_not_green():
    """The run is invalid though every scenario passed: a suite of its own carries the error."""
    root = root_of(made.verdict_of(made.verdict().scenarios, Outcome.INVALID, why="the run was interrupted"))
    assert [suite.get("name") for suite in root] == ["api", "run"]
    assert (root.get("errors"), root.find(".//error").get("message")) == ("1", "the run was interrupted")


def test_a_run_without_scenarios_is_not_green():
    """No scenario, no pass."""
    assert root_of(made.verdict_of([], Outcome.INVALID, why="the run holds no scenario")).get("errors") == "1"


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param(["p99 < 2s", "p99 < 2s", "p99 < 2s"], id="the same threshold three times"),
        pytest.param(["p99 < 2s (2)", "p99 < 2s", "p99 < 2s"], id="a text that looks like a numbered one"),
        pytest.param(["verdict", "p99 < 2s"], id="a text like the case of the verdict"),
        pytest.param(["generator health", "p99 < 2s"], id="a text like the case of the generator"),
    ],
)
def test_names_are_unique(texts):
    """GitLab drops a second case of the same name, so a repeated threshold is numbered."""
    root = root_of(made.verdict(thresholds=[made.threshold(text) for text in texts]))
    names = [case.get("name") for case in root.iter("testcase")]
    assert len(names) == len(set(names)) == len(texts) + 1


def test_every_scenario_is_a_suite_with_its_own_class_name():
    """Cases of two scenarios with the same thresholds stay apart."""
    inner = [
        ScenarioVerdict(made.scenario_run(made.scenario(name)), Outcome.PASS, made.HEALTHY, made.GOOD, "held")
        for name in ("api", "api closed")
    ]
    root = root_of(made.verdict_of(inner, Outcome.PASS, why="held"))
    assert [suite.get("name") for suite in root] == ["api", "api closed"]
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(names) == len(set(names))
    assert {classname for classname, _ in names} == {"loadtests.api", "loadtests.api closed"}
    assert root.get("time") == "40.000"


def test_the_run_and_the_build_are_properties():
    """A stored junit.xml says which run it is of."""
    properties = {one.get("name"): one.get("value") for one in root_of(made.verdict()).iter("property")}
    assert properties["run"] == "20300102-030405-api"
    assert properties["build"] == "abc1234"
    assert properties["verdict"] == "pass"


def test_a_real_consumer_reads_it():
    """The junitparser library sees the same results."""
    junitparser = pytest.importorskip("junitparser", reason="junitparser is not installed")
    xml = junitparser.JUnitXml.fromstring(render(page_of(made.failing())).encode())
    suites = list(xml)
    assert (xml.tests, xml.failures, xml.errors, xml.skipped) == (5, 2, 0, 0)
    assert [type(result).__name__ for case in suites[0] for result in case.result] == ["Failure", "Failure"]
    assert {found.name: found.value for found in suites[0].properties()}["build"] == "abc1234"
