"""The report as test cases, for formats that know no others: a suite per scenario, a case per threshold.

Further cases: one for the generator, and one for an outcome that no other case tells, such as a run that was
interrupted. So a suite is as bad as its worst case, and nothing that is not a PASS looks green.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadtests.report.page import Page, ScenarioPage, ThresholdRow
from loadtests.report.wording import Sign, visible

__all__ = ["Case", "Suite", "suites_of"]

_HEALTH = "generator health"
_VERDICT = "verdict"
_WELL = "pass"


@dataclass(frozen=True, slots=True)
class Case:
    """One claim: its name, unique in its suite, the key of its outcome, a sentence, and the evidence in lines."""

    name: str
    outcome: str
    why: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Suite:
    """All claims of one scenario, or (`scenario` none) of the run as a whole."""

    name: str
    scenario: ScenarioPage | None
    sign: Sign
    why: str
    cases: Sequence[Case]


def suites_of(page: Page) -> list[Suite]:
    """A suite for each scenario, and one for the run where its outcome is told by none of them."""
    suites = [_suite(scenario) for scenario in page.scenarios]
    if page.sign.key == _WELL or any(case.outcome != _WELL for suite in suites for case in suite.cases):
        return suites
    return [*suites, Suite("run", None, page.sign, page.why, [_of_verdict(page.sign, page.why)])]


def _suite(scenario: ScenarioPage) -> Suite:
    cases = [_of_health(scenario), *(_of_threshold(name, row) for name, row in _named(scenario.thresholds))]
    if scenario.sign.key != _WELL and all(case.outcome == _WELL for case in cases):
        cases.append(_of_verdict(scenario.sign, scenario.why))
    return Suite(visible(scenario.name), scenario, scenario.sign, scenario.why, cases)


def _of_health(scenario: ScenarioPage) -> Case:
    if scenario.health.valid:
        return Case(_HEALTH, _WELL, "the generator kept its schedule", "")
    return Case(_HEALTH, "invalid", scenario.health.reasons[0], "\n".join(scenario.health.reasons))


def _of_threshold(name: str, row: ThresholdRow) -> Case:
    evidence = f"observed {row.observed.text}, bounds {row.interval_text}, {row.samples.text} samples"
    return Case(name, row.sign.key, row.why, f"{row.sign.word}: {row.why}\n{evidence}")


def _of_verdict(shown: Sign, why: str) -> Case:
    return Case(_VERDICT, shown.key, why, f"{shown.word}: {why}")


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
