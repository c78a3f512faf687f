"""junit.xml of a comparison: a suite per scenario, a case per metric that decides, so that CI shows what got worse.

REGRESSED is a failure; INCONCLUSIVE and DESCRIPTIVE are skipped with a message, for nothing was shown.
"""

import xml.etree.ElementTree as ET

from loadtests.report.comparison.page import ChangeRow, ComparisonPage, ScenarioPart
from loadtests.report.junit import outcome, properties, text_of, totals
from loadtests.report.wording import visible

__all__ = ["render"]

_TAGS = {"regressed": "failure", "inconclusive": "skipped", "descriptive": "skipped"}


def render(page: ComparisonPage) -> str:
    """The document as text, XML declaration included."""
    root = ET.Element("testsuites", name="loadtests comparison")
    for part in page.scenarios:
        _suite(root, page, part)
    totals(root, root.iter("testcase"))
    root.set("time", "0")
    return text_of(root)


def _suite(root: ET.Element, page: ComparisonPage, part: ScenarioPart) -> None:
    suite = ET.SubElement(root, "testsuite", name=visible(f"{part.name}: {page.base.name} to {page.candidate.name}"))
    facts = {"verdict": part.sign.key, "why": part.why, "runs": part.runs_text}
    facts |= {"base": page.base.name, "candidate": page.candidate.name}
    properties(suite, facts | {f"difference {n}": text for n, text in enumerate(part.differences, 1)})
    classname = f"loadtests.comparison.{visible(part.name)}"
    for row in part.gated:
        case = ET.SubElement(suite, "testcase", classname=classname, name=visible(row.name), time="0")
        if row.sign.key in _TAGS:
            outcome(case, _TAGS[row.sign.key], row.why, f"{row.sign.word}: {row.why}\n{_evidence(row)}")
    totals(suite, suite.iter("testcase"))
    suite.set("time", "0")
    ET.SubElement(suite, "system-out").text = visible(f"{part.sign.word}: {part.why}")


def _evidence(row: ChangeRow) -> str:
    return f"{row.base.text} to {row.candidate.text}, {row.change.text} ({row.bounds_text}), margin {row.margin.text}"
