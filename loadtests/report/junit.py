"""junit.xml as GitLab, Jenkins and GitHub read it: a suite per scenario, a case per threshold, one for the generator.

FAIL is a failure, INVALID an error (our side, not the target's), INCONCLUSIVE is skipped with a message.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping

from loadtests.report.cases import Suite, suites_of
from loadtests.report.page import Page, ScenarioPage
from loadtests.report.wording import moment, visible

__all__ = ["outcome", "properties", "render", "text_of", "totals"]

_TAGS = {"fail": "failure", "invalid": "error", "inconclusive": "skipped"}
_COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def render(page: Page) -> str:
    """The document as text, XML declaration included."""
    root = ET.Element("testsuites", name="loadtests")
    for suite in suites_of(page):
        _suite(root, page, suite)
    totals(root, root.iter("testcase"))
    root.set("time", f"{sum(scenario.length_s for scenario in page.scenarios):.3f}")
    return text_of(root)


def text_of(root: ET.Element) -> str:
    """The document as text."""
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def properties(suite: ET.Element, facts: Mapping[str, str]) -> None:
    """Facts of a suite by name."""
    element = ET.SubElement(suite, "properties")
    for name, value in facts.items():
        ET.SubElement(element, "property", name=name, value=visible(value))


def _suite(root: ET.Element, page: Page, suite: Suite) -> None:
    run, scenario = page.run, suite.scenario
    element = ET.SubElement(root, "testsuite", name=suite.name)
    facts = {"run": run.id, "build": run.build, "comparability": run.comparability, "started_at": run.started_at}
    driver = {} if scenario is None else {"driver": scenario.driver}
    properties(element, {**facts, **driver, "verdict": suite.sign.key, "why": suite.why})
    classname = "loadtests" if scenario is None else f"loadtests.{suite.name}"
    for case in suite.cases:
        found = ET.SubElement(element, "testcase", classname=classname, name=case.name, time="0")
        if case.outcome in _TAGS:
            outcome(found, _TAGS[case.outcome], case.why, case.evidence)
    totals(element, element.iter("testcase"))
    element.set("time", "0" if scenario is None else f"{scenario.length_s:.3f}")
    element.set("timestamp", moment(run.started_at if scenario is None else scenario.started_at))
    ET.SubElement(element, "system-out").text = visible(suite.why if scenario is None else _summary(scenario))


def outcome(case: ET.Element, tag: str, message: str, body: str) -> None:
    """What a case came to: `failure`, `error` or `skipped`, a sentence, and the evidence."""
    element = ET.SubElement(case, tag, message=visible(message))
    if tag != "skipped":
        element.set("type", "INVALID" if tag == "error" else "FAIL")
    element.text = "\n".join(visible(line) for line in body.split("\n"))


def totals(element: ET.Element, cases: Iterable[ET.Element]) -> None:
    """The number of cases and of each outcome, as attributes."""
    kinds = [[child.tag for child in case] for case in cases]
    element.set("tests", str(len(kinds)))
    for attribute, tag in _COUNTED.items():
        element.set(attribute, str(sum(tag in found for found in kinds)))


def _summary(scenario: ScenarioPage) -> str:
    load = scenario.load
    parts = [f"{scenario.sign.word}: {scenario.why}"]
    if scenario.sends:
        parts.append(
            f"offered {load.offered_per_s.text}, achieved {load.achieved_per_s.text}, {load.dropped.text} of "
            f"{load.offered.text} dropped"
        )
    parts += [f"{line.name}: {line.text}" for block in scenario.blocks for line in block.lines]
    return " | ".join([*parts, f"start lag p99 {load.lag['p99'].text}"])
