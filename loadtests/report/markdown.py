"""summary.md, a GitHub job summary: headline, thresholds per scenario, operations, health, clauses.

GitHub refuses a summary above 1 MiB, so the text is bounded and says what it left out.
"""

import re
from collections.abc import Iterable, Sequence

from loadtests.report.block import Block, Line
from loadtests.report.page import OperationRow, Page, ScenarioPage, ThresholdRow
from loadtests.report.wording import visible

__all__ = ["MOST_BYTES", "bounded", "cell", "render", "table"]

MOST_BYTES = 1024 * 1024

_LEFT_OUT = "\n*The rest is left out, because a summary has a size limit; see report.html.*\n"
_LONGEST_CELL = 300
_MARKUP = re.compile(r"[\\`*_\[\]|~$@]|:(?=[a-zA-Z+-][\w+-]*:)|^(?:[-+#=]|\d+(?=[.)]))")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MOST_SLOW = 3
_MOST_SAMPLES = 5
_LATENCIES = ("p50", "p95", "p99", "p99.9", "max")


def cell(text: str) -> str:
    """The text as it is, in a table cell or a line: no markup, no HTML, no line break; long ones are cut."""
    shown = visible(text)
    if len(shown) > _LONGEST_CELL:
        shown = shown[:_LONGEST_CELL] + " …"
    escaped = "".join(_ENTITIES.get(character, character) for character in shown)
    return _MARKUP.sub(_escape, escaped)


def _escape(found: re.Match[str]) -> str:
    """An entity where a backslash is not enough: `|` in a table, @mentions, :emoji:, $math$, `1.` at the start."""
    first, rest = found[0][0], found[0][1:]
    return f"&#{ord(first)};{rest}" if first in "|@:$" or first.isdigit() else f"\\{first}{rest}"


def render(page: Page) -> str:
    """The whole summary, at most 1 MiB."""
    parts = [_head(page), *map(_scenario, page.scenarios), _clauses(page), _foot(page)]
    return bounded(parts)


def bounded(parts: Iterable[str]) -> str:
    """The parts, one below the other, as far as a summary may be long; a note where that ends them."""
    room = MOST_BYTES - len(_LEFT_OUT.encode())
    kept: list[str] = []
    for part in parts:
        room -= len(part.encode()) + 1
        if room < 0:
            kept.append(_LEFT_OUT)
            break
        kept.append(part)
    return "\n".join(kept)


def _head(page: Page) -> str:
    run = page.run
    facts = [f"run {run.id}", f"build {run.build}", run.started_text, run.duration.text]
    lines = [f"## {page.sign} · load tests", "", f"**{cell(page.why)}**", "", " · ".join(map(cell, facts)), ""]
    lines += [f"> ⚠ {cell(warning)}\n" for warning in run.warnings]
    return "\n".join([*lines, *([_overview(page.scenarios), ""] if len(page.scenarios) > 1 else [])])


def _overview(scenarios: Sequence[ScenarioPage]) -> str:
    rows = [
        (
            str(one.sign),
            one.name,
            one.load.achieved_per_s.text,
            one.total.failed_share.text,
            *(one.total.response.figures[name].text for name in ("p50", "p95", "p99")),
            one.why,
        )
        for one in scenarios
    ]
    heads = ("Verdict", "Scenario", "Achieved", "Failed", "p50", "p95", "p99", "Why")
    return table(heads, rows, numbers=range(2, 7))


def _scenario(scenario: ScenarioPage) -> str:
    blocks = [
        f"### {scenario.sign} · {cell(scenario.name)}",
        cell(scenario.why),
        _load(scenario),
        _thresholds(scenario.thresholds),
        *map(_block, scenario.blocks),
        _operations(scenario.rows) if scenario.sends else "",
        _slowest(scenario),
        _failures(scenario),
        _messages(scenario.total),
        _target(scenario),
        _health(scenario),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _load(scenario: ScenarioPage) -> str:
    load = scenario.load
    lag = ", ".join(f"{name} {found.text}" for name, found in load.lag.items())
    if not scenario.sends:
        return cell(f"{load.model}. Steady {scenario.steady_text}; start lag of the connections {lag}")
    return cell(
        f"{load.model}. Steady {scenario.steady_text}: offered {load.offered_per_s.text}, achieved "
        f"{load.achieved_per_s.text}, {load.dropped.text} of {load.offered.text} dropped; start lag {lag}"
    )


def _thresholds(rows: Sequence[ThresholdRow]) -> str:
    if not rows:
        return "No thresholds."
    lines = [
        (str(row.sign), row.text, row.observed.text, row.interval_text, row.samples.text, row.clause or "", row.why)
        for row in rows
    ]
    heads = ("Verdict", "Threshold", "Observed", "Bounds (95% each)", "Samples", "Clause", "Why")
    return table(heads, lines, numbers=(2, 3, 4))


def _operations(rows: Sequence[tuple[str, OperationRow]]) -> str:
    lines = [
        (
            name,
            row.requests.text,
            f"{row.failed.text} ({row.failed_share.text})",
            row.throughput.text,
            *(row.response.figures[quantile].text for quantile in _LATENCIES),
        )
        for name, row in rows
    ]
    heads = ("Operation", "Requests", "Failed", "OK per s", *_LATENCIES)
    return table(heads, lines, numbers=range(1, len(heads)))


def _slowest(scenario: ScenarioPage) -> str:
    named = (f"{one.row.name} (p99 {one.row.response.figures['p99'].text})" for one in scenario.slowest[:_MOST_SLOW])
    text = ", ".join(named)
    return f"Slowest: {cell(text)}" if text else ""


def _failures(scenario: ScenarioPage) -> str:
    kinds = ", ".join(f"{kind} {number.text}" for kind, number in scenario.total.failures.items())
    if not kinds:
        return ""
    samples = [(row.at.text, row.operation, row.kind, row.message) for row in scenario.failures[:_MOST_SAMPLES]]
    rows = [table(("At", "Operation", "Kind", "What came back"), samples, numbers=(0,))] if samples else []
    return "\n\n".join([f"Failures: {cell(kinds)}", *rows])


def _target(scenario: ScenarioPage) -> str:
    rows = (row for row in scenario.resources if row.source == "target")
    text = "; ".join(f"{row.label} {row.mean.text}, max {row.max.text}" for row in rows)
    return f"Target: {cell(text)}" if text else ""


def _block(block: Block) -> str:
    lines = [f"{cell(_titled(line))}: {cell(line.text)}" for line in block.lines]
    return "\n\n".join([*lines, *(table(each.heads, each.rows, each.numbers) for each in block.tables)])


def _titled(line: Line) -> str:
    return line.name.capitalize() + (f" ({line.scope})" if line.scope else "")


def _messages(total: OperationRow) -> str:
    return "" if total.messages is None else f"Messages: {cell(total.messages.summary)}"


def _health(scenario: ScenarioPage) -> str:
    health = scenario.health
    figures = f"CPU {health.cpu.text}, GC pause max {health.gc_pause_max.text}, loop lag max {health.loop_lag_max.text}"
    figures += f", core wait {health.core_wait.text}"
    lines = [f"Generator: {'valid' if health.valid else '**not valid**'}; {cell(figures)}", ""]
    lines += [f"- ! {cell(reason)}" for reason in health.reasons]
    lines += [f"- ⚠ {cell(warning)}" for warning in health.warnings]
    return "\n".join(lines)


def _clauses(page: Page) -> str:
    measured = [row for row in page.clauses if row.evidence]
    missing = [row.name for row in page.clauses if not row.evidence]
    lines = [(row.name, row.demand, str(row.sign)) for row in measured]
    made = table(("Clause", "Must hold", "Verdict"), lines) if lines else "No threshold names a clause."
    rest = f"\n\nNot measured by this run: {', '.join(map(cell, missing))}" if missing else ""
    return f"### Clauses\n\n{made}{rest}\n"


def _foot(page: Page) -> str:
    notes = [page.thin_note, "Response times run from the intended start of a request", f"loadtests {page.version}"]
    return " · ".join(cell(note) for note in notes if note) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> str:
    """A table of cells; the columns at `numbers` stand to the right."""
    right = set(numbers)
    rule = ["---:" if position in right else ":---" for position in range(len(heads))]
    lines = [heads, rule, *([cell(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
