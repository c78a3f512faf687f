"""Calibrations on disk: a JSON file each in `reports/calibrations`, named by the comparability of what was run."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from loadtests.errors import UsageError
from loadtests.judge.comparison.calibration import Calibration
from loadtests.judge.comparison.within import Spread
from loadtests.result.files import atomic_write

__all__ = ["CALIBRATIONS", "read_calibrations", "write_calibration"]

CALIBRATIONS = Path("reports") / "calibrations"
SCHEMA: Literal["loadtests.calibration/1"] = "loadtests.calibration/1"


class _Spread(BaseModel):
    variance: float = Field(ge=0.0)
    freedom: float = Field(gt=0.0)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True)

    schema_name: Literal["loadtests.calibration/1"] = Field(default=SCHEMA, alias="schema")
    scenario: str
    comparability: str
    made_at: str
    runs: tuple[str, ...]
    facts: dict[str, str]
    spreads: dict[str, _Spread]


def write_calibration(calibration: Calibration, directory: Path = CALIBRATIONS) -> Path:
    """Store it, in place of an older one of the same comparability; returns the file."""
    spreads = {key: {"variance": each.variance, "freedom": each.freedom} for key, each in calibration.spreads.items()}
    file = _File.model_validate(
        {
            "scenario": calibration.scenario,
            "comparability": calibration.comparability,
            "made_at": calibration.made_at,
            "runs": calibration.runs,
            "facts": calibration.facts,
            "spreads": spreads,
        }
    )
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{calibration.scenario}-{calibration.comparability}.json"
    atomic_write(path, file.model_dump_json(by_alias=True, indent=2) + "\n")
    return path


def read_calibrations(comparabilities: Iterable[str], directory: Path = CALIBRATIONS) -> dict[str, Calibration]:
    """Those there are for these comparabilities; raises `UsageError` for a file that is damaged."""
    paths = [path for each in set(comparabilities) for path in sorted(directory.glob(f"*-{each}.json"))]
    found = [_read(path) for path in paths]
    return {each.comparability: each for each in found}


def _read(path: Path) -> Calibration:
    try:
        file = _File.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise UsageError(f"the calibration {path} cannot be read: {reason.lower()}; make it again") from error
    spreads = {key: Spread(each.variance, each.freedom) for key, each in file.spreads.items()}
    return Calibration(file.scenario, file.comparability, file.made_at, file.runs, file.facts, spreads)
