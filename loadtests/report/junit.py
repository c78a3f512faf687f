"""junit.xml as GitLab, Jenkins and GitHub read it: a suite per scenario, a case per threshold, one for the generator.

FAIL is a failure, INVALID an error (our side, not the target's), INCONCLUSIVE is skipped with a message.
"""

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Mapping

from loadtests.report.page import Page, ScenarioPage, ThresholdRow
from loadtests.report.wording import Sign, moment, visible

__all__ = ["outcome", "properties", "render", "text_of", "totals"]

_TAGS = {"fail": "failure", "invalid": "error", "inconclusive": "skipped"}
_HEALTH = "generator health"
_VERDICT = "verdict"
_COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def render(page: Page) -> str:
    """The document as text, XML declaration included."""
    root = ET.Element("testsuites", name="loadtests")
    for scenario in page.scenarios:
        _suite(root, page, scenario)
    _verdict_of_run(root, page)
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


def _suite(root: ET.Element, page: Page, scenario: ScenarioPage) -> None:
    suite = ET.SubElement(root, "testsuite", name=visible(scenario.name))
    _facts(suite, page, {"driver": scenario.driver, "verdict": scenario.sign.key, "why": scenario.why})
    classname = f"loadtests.{visible(scenario.name)}"
    _health_case(suite, scenario, classname)
    for name, row in _named(scenario.thresholds):
        _threshold_case(suite, row, classname, name=name)
    _verdict_case(suite, classname, scenario.sign, scenario.why)
    totals(suite, suite.iter("testcase"))
    suite.set("time", f"{scenario.length_s:.3f}")
    suite.set("timestamp", moment(scenario.started_at))
    ET.SubElement(suite, "system-out").text = visible(_summary(scenario))


def _facts(suite: ET.Element, page: Page, more: Mapping[str, str]) -> None:
    run = page.run
    facts = {"run": run.id, "build": run.build, "comparability": run.comparability, "started_at": run.started_at}
    properties(suite, {**facts, **more})


def _health_case(suite: ET.Element, scenario: ScenarioPage, classname: str) -> None:
    case = _case(suite, classname, _HEALTH)
    if not scenario.health.valid:
        outcome(case, "error", scenario.health.reasons[0], "\n".join(scenario.health.reasons))


def _threshold_case(suite: ET.Element, row: ThresholdRow, classname: str, *, name: str) -> None:
    case = _case(suite, classname, name)
    if row.sign.key in _TAGS:
        evidence = f"observed {row.observed.text}, bounds {row.interval_text}, {row.samples.text} samples"
        outcome(case, _TAGS[row.sign.key], row.why, f"{row.sign.word}: {row.why}\n{evidence}")


def _verdict_case(suite: ET.Element, classname: str, shown: Sign, why: str) -> None:
    """A case for an outcome that no other case tells, such as a scenario that was stopped early."""
    tag = _TAGS.get(shown.key)
    if tag is not None and suite.find(f".//{tag}") is None:
        outcome(_case(suite, classname, _VERDICT), tag, why, f"{shown.word}: {why}")


def _verdict_of_run(root: ET.Element, page: Page) -> None:
    """A suite for an outcome that no scenario tells, such as a run that was interrupted: it must not look green."""
    tag = _TAGS.get(page.sign.key)
    if tag is None or root.find(f".//{tag}") is not None:
        return
    suite = ET.SubElement(root, "testsuite", name="run")
    _facts(suite, page, {"verdict": page.sign.key, "why": page.why})
    _verdict_case(suite, "loadtests", page.sign, page.why)
    totals(suite, suite.iter("testcase"))
    suite.set("time", "0")
    suite.set("timestamp", moment(page.run.started_at))
    ET.SubElement(suite, "system-out").text = visible(page.why)


def _case(suite: ET.Element, classname: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=classname, name=name, time="0")


def outcome(case: ET.Element, tag: str, message: str, body: str) -> None:
    """What a case came to: `failure`, `error` or `skipped`, a sentence, and the evidence."""
    element = ET.SubElement(case, tag, message=visible(message))
    if tag != "skipped":
        element.set("type", "INVALID" if tag == "error" else "FAIL")
    element.text = "\n".join(visible(line) for line in body.split("\n"))


def _named(rows: Iterable[ThresholdRow]) -> list[tuple[str, ThresholdRow]]:
    """Each threshold under a name of its own: a text that comes again is numbered, and never meets another's name."""
    taken = Counter({_HEALTH: 1, _VERDICT: 1})
    named: list[tuple[str, ThresholdRow]] = []
    for row in rows:
        text = name = visible(row.text)
        while taken[name]:
            taken[text] += 1
            name = f"{text} ({taken[text]})"
        taken[name] += 1
        named.append((name, row))
    return named


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
