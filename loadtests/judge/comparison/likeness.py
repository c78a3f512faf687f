"""Whether runs were made alike, and what each difference is."""

from collections.abc import Mapping, Sequence

from loadtests.errors import RunInvalid, UsageError
from loadtests.judge.record import RunRecord

__all__ = ["differences", "refuse_unusable"]

_ABSENT = "nothing"
_LONGEST = 60


def differences(base: Sequence[RunRecord], candidate: Sequence[RunRecord]) -> list[str]:
    """A sentence for each fact that must agree and does not, between the sides or within one; sorted by name."""
    names = sorted({name for record in (*base, *candidate) for name in record.facts})
    found = []
    for name in names:
        sides = [list(dict.fromkeys(_shown(record.facts, name) for record in side)) for side in (base, candidate)]
        if len({value for side in sides for value in side}) > 1:
            first, second = (" and ".join(side) for side in sides)
            found.append(f"{name}: {first} in the base, {second} in the candidate")
    return found


def refuse_unusable(base: Sequence[RunRecord], candidate: Sequence[RunRecord]) -> None:
    """Raises `UsageError` for a run on both sides, `RunInvalid` with all whose figures do not speak of the target."""
    both = {record.run_id for record in base} & {record.run_id for record in candidate}
    if both:
        raise UsageError(
            f"{', '.join(sorted(both))} is on both sides, which would make them look more alike than they are"
        )
    records = (*base, *candidate)
    invalid = [(f"{each.run_id} ({each.scenario})", each.invalid) for each in records if each.invalid is not None]
    if invalid:
        raise RunInvalid(invalid)


def _shown(facts: Mapping[str, str], name: str) -> str:
    text = facts.get(name, _ABSENT)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
