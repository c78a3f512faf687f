"""What one engine process of this machine can offer with each driver, kept for the plans to come.

`reports/generator.json` holds the rates by machine and versions; those of another machine say nothing here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from loadtests.errors import UsageError
from loadtests.plan.model import Plan
from loadtests.plan.summary import schedule_summary
from loadtests.result.environment import comparability_digest, comparability_facts
from loadtests.result.files import atomic_write
from loadtests.result.run import Environment
from loadtests.units import format_rate

__all__ = ["CEILINGS", "Ceiling", "advice", "keep_ceilings", "read_ceilings"]

CEILINGS = Path("reports") / "generator.json"
"""Where the rates are kept, unless told otherwise."""

_SCHEMA = "loadtests.generator/1"
_SHARE = 0.7
"""The part of the ceiling that a plan may ask for without a warning."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The highest rate (executions a second) at which `driver` kept to its schedule, and its start lag there.

    `measured_at` is ISO 8601, UTC.
    """

    driver: str
    rate_per_s: float
    lag_p99_ns: int
    measured_at: str


class _Machine(BaseModel):
    model_config = ConfigDict(extra="forbid")

    facts: dict[str, str]
    ceilings: dict[str, Ceiling]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: str = _SCHEMA
    machines: dict[str, _Machine] = {}


def read_ceilings(environment: Environment, *, path: Path = CEILINGS) -> Mapping[str, Ceiling]:
    """By driver, what was found on this machine with these versions; `UsageError` for a file that is none of ours."""
    digest, _ = _identity(environment)
    machine = _read(path).machines.get(digest)
    return {} if machine is None else machine.ceilings


def keep_ceilings(found: Iterable[Ceiling], environment: Environment, *, path: Path = CEILINGS) -> None:
    """Add what was found to the file, in place of what it has for the same drivers of the same machine."""
    digest, facts = _identity(environment)
    stored = _read(path)
    before = stored.machines.get(digest)
    kept = {} if before is None else before.ceilings
    stored.machines[digest] = _Machine(facts=facts, ceilings={**kept, **{one.driver: one for one in found}})
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, stored.model_dump_json(indent=1).encode() + b"\n")


def advice(plan: Plan, ceilings: Mapping[str, Ceiling], *, processes: int) -> Iterator[str]:
    """A sentence for each scenario that asks for more than 70% of what `processes` were found to offer here."""
    for scenario in plan.scenarios.values():
        ceiling = ceilings.get(scenario.driver)
        asked = schedule_summary(scenario).peak_rate
        if ceiling is None or asked == float("inf") or asked <= _SHARE * ceiling.rate_per_s * processes:
            continue
        wanted = -int(-asked // (_SHARE * ceiling.rate_per_s))
        yield (
            f"{scenario.name} asks for {format_rate(asked)}, more than 70% of the {format_rate(ceiling.rate_per_s)} "
            f"that a process of this machine can offer with the {scenario.driver} driver: "
            f"share it out with --processes {wanted} where there are as many cores, or over workers"
        )


def _identity(environment: Environment) -> tuple[str, dict[str, str]]:
    facts = {
        name: fact
        for name, fact in comparability_facts({}, environment).items()
        if name.startswith(("machine.", "versions."))
    }
    return comparability_digest(facts), facts


def _read(path: Path) -> _File:
    if not path.exists():
        return _File()
    try:
        found = _File.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        raise UsageError(f"{path} is no file of generator limits: remove it, and measure again") from error
    if found.format != _SCHEMA:
        raise UsageError(f"{path} is of format {found.format}, this version reads {_SCHEMA}")
    return found
