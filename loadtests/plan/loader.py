"""From a plan file to a `Plan` that cannot exist invalid; every mistake of the file is reported at once.

    text ─▶ YAML ─▶ --set ─▶ ${NAME} ─▶ shape (pydantic) ─▶ meaning ─▶ Plan

A plan is read from three things, all by the same rules: the file, the masked document kept with a run, and the unmasked
one (`Plan.unmasked`) given to an engine process.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtests.errors import Mistake, PlanError
from loadtests.plan.environment import Substituted, substitute
from loadtests.plan.findings import Findings
from loadtests.plan.meaning import read_parts
from loadtests.plan.model import Plan
from loadtests.plan.override import apply_override
from loadtests.plan.secrets import HIDDEN, conceal, secrets_in
from loadtests.plan.yamlfile import Place, read_yaml

__all__ = ["load_plan", "plan_from_document", "relocated"]

_ENCLOSED = "enclosed"
"""Key in an unmasked document for what does not stand in the file: where its files lie, and secrets by value."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A document on its way: filled in, with what is known about its places."""

    filled: Substituted
    source: str
    base: Path | None
    lines: Mapping[Place, int | None] = field(default_factory=dict)
    secrets: Sequence[str] = ()
    mistakes: Sequence[Mistake] = ()


def load_plan(
    path: Path,
    *,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    embedded: str | None = None,
    embedded_database: str | None = None,
) -> Plan:
    """The plan in a file; raises `PlanError` with every mistake in it.

    `overrides` are `a.b=c` assignments. `environ` fills `${NAME}`; the process's own when `None`. `embedded` is the
    URL of an embedded target, which then takes the place of the file's `target.http`, `websocket`, `metrics` and
    `process`; `embedded_database` the address of its database, which takes that of `database`.
    """
    read = read_yaml(_text(path))
    document, mistakes = read.value, list(read.mistakes)
    if read.value is None:
        raise PlanError(str(path), mistakes or [Mistake("the file", "is empty; expected version and scenarios")])
    for assignment in overrides:
        mistake = apply_override(document, assignment, read.lines)
        mistakes += [] if mistake is None else [mistake]
    filled = substitute(document, os.environ if environ is None else environ)
    _embed(filled, embedded, embedded_database)
    return _plan(_Draft(filled, str(path), path.absolute().parent, read.lines, mistakes=mistakes))


def plan_from_document(
    document: Mapping[str, Any],
    *,
    source: str,
    environ: Mapping[str, str] | None = None,
    embedded: str | None = None,
    embedded_database: str | None = None,
) -> Plan:
    """The plan in a document: a stored (masked) one, or `Plan.unmasked`, which also says where its files lie.

    `${NAME}` is filled only when `environ` is given: a stored document has been through that. Files that a stored
    document names are not opened: it is read to be judged, perhaps where they no longer are.
    """
    given = dict(document)
    enclosed = given.pop(_ENCLOSED, None) or {"base": None, "secrets": ()}
    filled = Substituted(given) if environ is None else substitute(given, environ)
    _embed(filled, embedded, embedded_database)
    base = None if enclosed["base"] is None else Path(enclosed["base"])
    return _plan(_Draft(filled, source, base, secrets=tuple(enclosed["secrets"])))


def relocated(document: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """`Plan.unmasked` for a machine on which the files of the plan lie in `base`."""
    return {**document, _ENCLOSED: {**document[_ENCLOSED], "base": str(base)}}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        rule = "is not UTF-8 text"
    except FileNotFoundError:
        rule = "there is no such file; name one with -f"
    except OSError as error:
        rule = f"cannot be read: {error.strerror}"
    raise PlanError(str(path), [Mistake("the file", rule)])


def _embed(filled: Substituted, address: str | None, database: str | None) -> None:
    if address is None or not isinstance(filled.value, dict):
        return
    given = filled.value.get("target")
    rest = {key: part for key, part in given.items() if key != "process"} if isinstance(given, dict) else {}
    base = address.rstrip("/")
    own = {"http": address, "websocket": f"ws{base.removeprefix('http')}/ws", "metrics": f"{base}/metrics"}
    own |= {} if database is None else {"database": database}
    filled.value["target"] = {**rest, **own}
    replaced = [("target", key) for key in (*own, "process")]
    filled.gaps[:] = [gap for gap in filled.gaps if gap.place not in replaced]
    for place in replaced:
        filled.marks.pop(place, None)


def _plan(draft: _Draft) -> Plan:
    document = draft.filled.value
    secrets = secrets_in(document, draft.filled.secrets, spelled=draft.secrets)
    masked = conceal(document, draft.filled.marks, secrets)
    findings = Findings(masked, draft.lines, draft.mistakes)
    for gap in draft.filled.gaps:
        findings.note_gap(gap)
    target, scenarios, suites = read_parts(findings, document, base=draft.base)
    if not findings.mistakes and masked != document:
        _note_hidden(findings, masked)
    if findings.mistakes:
        raise PlanError(draft.source, _in_order(findings.mistakes))
    enclosed = {"base": None if draft.base is None else str(draft.base), "secrets": list(secrets)}
    return Plan(
        target=target,
        scenarios=scenarios,
        suites=suites,
        document=masked,
        secrets=secrets,
        source=draft.source,
        unmasked={**document, _ENCLOSED: enclosed},
    )


def _note_hidden(findings: Findings, masked: Any) -> None:
    """A mistake for each place that means nothing any more once its secret is hidden, as it is when stored."""
    stored = Findings(masked, {})
    read_parts(stored, masked, base=None)
    rule = f"a secret fills this place, which then cannot be read back from the stored plan, where it is {HIDDEN}"
    for place in stored.places:
        findings.note(place, f"{rule}; take it from a variable that does not look secret")


def _in_order(mistakes: Sequence[Mistake]) -> list[Mistake]:
    """By line; what stands on no line first. The same mistake once."""
    return sorted(dict.fromkeys(mistakes), key=lambda mistake: mistake.line or 0)
