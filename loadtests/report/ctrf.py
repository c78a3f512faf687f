"""ctrf.json: the Common Test Report Format, for dashboards and chat bots that read it.

The cases are those of junit.xml. INVALID counts as failed (never green, `rawStatus` tells it apart), INCONCLUSIVE as
other.
"""

import json
import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from loadtests.report.cases import Case, Suite, suites_of
from loadtests.report.page import Page
from loadtests.report.wording import visible

__all__ = ["SPEC_VERSION", "render"]

SPEC_VERSION = "0.0.0"

_STATUS = {"pass": "passed", "fail": "failed", "invalid": "failed", "inconclusive": "other"}
_STATUSES = ("passed", "failed", "skipped", "pending", "other")
_SPACE = uuid.UUID("6f0e4a3a-52a4-5d2c-9d0f-6b1b3f1f7f10")
"""The name space of this suite's UUIDs: the same case of the same run is always called the same."""


def render(page: Page) -> str:
    """The document, indented, in a fixed order of keys."""
    return json.dumps(_document(page), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _document(page: Page) -> dict[str, Any]:
    suites = suites_of(page)
    tests = [_test(page, suite, case) for suite in suites for case in suite.cases]
    counted = Counter(test["status"] for test in tests)
    start = _epoch_ms(page.run.started_at)
    length = round(1000 * sum(scenario.length_s for scenario in page.scenarios))
    return {
        "reportFormat": "CTRF",
        "specVersion": SPEC_VERSION,
        "reportId": _uuid(page.run.id),
        "timestamp": page.run.started_at,
        "generatedBy": f"loadtests {page.version}",
        "results": {
            "tool": {"name": "loadtests", "version": page.version},
            "summary": {
                "tests": len(tests),
                **{status: counted[status] for status in _STATUSES},
                "suites": len(suites),
                "start": start,
                "stop": start + length,
            },
            "tests": tests,
            "environment": {
                "buildName": visible(page.run.build),
                "extra": {"run": page.run.id, "comparability": page.run.comparability, **_texts(dict(page.versions))},
            },
            "extra": {"verdict": page.sign.key, "why": visible(page.why)},
        },
    }


def _test(page: Page, suite: Suite, case: Case) -> dict[str, Any]:
    scenario = suite.scenario
    start = _epoch_ms(page.run.started_at if scenario is None else scenario.started_at)
    duration = 0 if scenario is None else round(scenario.length_s * 1000)
    found = {
        "id": _uuid(f"{page.run.id}\n{suite.name}\n{case.name}"),
        "name": case.name,
        "status": _STATUS[case.outcome],
        "rawStatus": case.outcome,
        "duration": duration,
        "start": start,
        "stop": start + duration,
        "suite": ["loadtests", suite.name],
        "type": "performance",
        "message": visible(case.why),
    }
    if case.outcome != "pass":
        found["trace"] = "\n".join(visible(line) for line in case.evidence.split("\n"))
    return found


def _uuid(text: str) -> str:
    return str(uuid.uuid5(_SPACE, visible(text)))


def _epoch_ms(iso: str) -> int:
    return round(datetime.fromisoformat(iso).timestamp() * 1000)


def _texts(facts: Mapping[str, str]) -> dict[str, str]:
    return {visible(name): visible(text) for name, text in facts.items()}
