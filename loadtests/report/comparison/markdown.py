"""comparison.md, for a pull request or a job summary: the verdict, then each scenario's changes."""

from collections.abc import Sequence

from loadtests.report.comparison.page import ChangeRow, ComparisonPage, ScenarioPart, Side
from loadtests.report.markdown import bounded, cell, table

__all__ = ["render"]

_HEADS = ("Verdict", "Metric", "Base", "Candidate", "Change", "Bounds (95% each)", "Margin")


def render(page: ComparisonPage) -> str:
    """The whole text, bounded to what GitHub takes."""
    return bounded([_head(page), *map(_scenario, page.scenarios), f"loadtests {page.version}\n"])


def _head(page: ComparisonPage) -> str:
    lines = [f"## {page.sign} · comparison", "", f"**{cell(page.why)}**", ""]
    lines += [f"- base: {_side(page.base)}", f"- candidate: {_side(page.candidate)}", ""]
    return "\n".join([*lines, *(f"> ⚠ {cell(warning)}\n" for warning in page.warnings)])


def _side(side: Side) -> str:
    runs = "1 run" if side.runs == 1 else f"{side.runs} runs"
    return cell(f"{side.name} · build {side.builds} · {runs}")


def _scenario(part: ScenarioPart) -> str:
    notes = [f"> ⚠ made unlike: {cell(difference)}" for difference in part.differences]
    notes += [f"> ⚠ {cell(warning)}" for warning in part.warnings]
    blocks = [
        f"### {part.sign} · {cell(part.name)} · {cell(part.runs_text)}",
        cell(part.why),
        "\n>\n".join(notes),
        _changes(part.gated),
        _reasons(part.gated),
        _others(part.others),
        cell(" ".join(text for text in (part.method, part.calibration) if text)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _changes(rows: Sequence[ChangeRow]) -> str:
    lines = [
        (
            str(row.sign),
            row.name,
            row.base.text,
            row.candidate.text,
            row.change.text,
            row.bounds_text,
            row.margin.text,
        )
        for row in rows
    ]
    return table(_HEADS, lines, numbers=range(2, len(_HEADS))) if lines else "No metric decides."


def _reasons(rows: Sequence[ChangeRow]) -> str:
    return "\n".join(f"- {cell(row.why)}" for row in rows if row.sign.key in ("regressed", "inconclusive"))


def _others(rows: Sequence[ChangeRow]) -> str:
    if not rows:
        return ""
    shown = _changes(rows)
    return f"<details><summary>{len(rows)} more that decide nothing</summary>\n\n{shown}\n\n</details>"
