"""From a document with its environment filled in to the parts of a `Plan`, noting every mistake on the way."""

from pathlib import Path
from typing import Any

from loadtests.plan.claims import read_thresholds
from loadtests.plan.document import PlanShape, ScenarioShape, SuiteShape
from loadtests.plan.feeding import read_feeders
from loadtests.plan.findings import Findings
from loadtests.plan.loads import fitting_load, note_empty_steady, read_load
from loadtests.plan.model import ClosedLoad, DriverName, OpenLoad, Operation, Scenario, Suite, Target
from loadtests.plan.names import note_bad_name
from loadtests.plan.operations import read_operations
from loadtests.plan.reading.base import Claimed, Context
from loadtests.plan.reading.drivers import DRIVERS
from loadtests.plan.suggest import nearest
from loadtests.plan.targets import read_target
from loadtests.plan.yamlfile import Place

__all__ = ["Parts", "read_parts"]

Parts = tuple[Target, dict[str, Scenario], dict[str, Suite]]

_PARTS = ("driver", "load", "operations", "data", "thresholds")


def read_parts(findings: Findings, document: Any, *, base: Path | None) -> Parts:
    """Target, scenarios and suites; only to be used when `findings` holds no mistake afterwards."""
    shape = findings.shape(PlanShape, document, ())
    if shape is None:
        shape = PlanShape.model_construct(version=1, **_known(document))
    target = read_target(findings, shape.target, base=base)
    known_target = None if findings.damaged(("target",)) else target
    scenarios: dict[str, Scenario] = {}
    entries = findings.mapping(shape.scenarios, ("scenarios",), of="scenarios by name")
    if not entries and not findings.damaged(("scenarios",)):
        findings.note(("scenarios",), "expected at least one scenario", quote=False)
    for name, entry in entries.items():
        note_bad_name(findings, name, ("scenarios", name), slash=False)
        scenario = _scenario(findings, name, entry, target=known_target, base=base)
        if scenario is not None:
            scenarios[name] = scenario
    return target, scenarios, _suites(findings, shape.suites, list(entries))


def _known(document: Any) -> dict[str, Any]:
    given = document if isinstance(document, dict) else {}
    return {key: given.get(key) for key in ("target", "scenarios", "suites")}


def _scenario(
    findings: Findings, name: str, entry: Any, *, target: Target | None, base: Path | None
) -> Scenario | None:
    place: Place = ("scenarios", name)
    shape = findings.shape(ScenarioShape, entry, place)
    if shape is None:
        if not isinstance(entry, dict):
            return None
        shape = ScenarioShape.model_construct(**{key: entry.get(key) for key in (*_PARTS, *DRIVERS)})
    driver = _driver(findings, shape, entry, (*place, "driver"))
    load = read_load(findings, shape.load, (*place, "load")) if "load" in entry else None
    data = read_feeders(findings, shape.data, (*place, "data"), seed=shape.seed, base=base)
    context = Context(findings, data, base)
    operations = _operations(context, shape, entry, place, driver=driver)
    if driver is not None:
        load = fitting_load(findings, load, operations, driver=driver, place=place)
    steady_ns = _steady(findings, load, shape.warmup, place)
    settings = _settings(context, shape, place, driver=driver, operations=operations)
    whole = None if driver is None or findings.damaged((*place, "operations")) else operations
    claimed = Claimed(driver or "http", whole, load, steady_ns, target, next(iter(settings.values()), None))
    thresholds = read_thresholds(findings, shape.thresholds, (*place, "thresholds"), claimed)
    _note_missing_address(findings, place, operations, driver=driver, target=target)
    if load is None or driver is None:
        return None
    feeders = {key: feeder for key, feeder in data.items() if feeder is not None}
    times = shape.warmup, shape.timeout, shape.seed
    settings["allow_lost_workers"] = shape.allow_lost_workers
    return Scenario(name, driver, load, tuple(operations), thresholds, *times, feeders, **settings)


def _driver(findings: Findings, shape: ScenarioShape, entry: dict[str, Any], place: Place) -> DriverName | None:
    if "driver" not in entry:
        return None
    written = "null" if shape.driver is None else shape.driver
    if not isinstance(written, str) or written not in DRIVERS:
        near = nearest(written, list(DRIVERS))
        findings.note(place, f"unknown driver; expected one of {', '.join(DRIVERS)}", near=near)
    return next((name for name in DRIVERS if name == written), None)


def _steady(findings: Findings, load: OpenLoad | ClosedLoad | None, warmup_ns: int, place: Place) -> int | None:
    """Length of the steady interval; `None` when there is none or it is not known."""
    if load is None or note_empty_steady(findings, load, warmup_ns, place):
        return None
    return load.duration_ns - max(warmup_ns, load.ramp_ns)


def _operations(
    context: Context, shape: ScenarioShape, entry: dict[str, Any], place: Place, *, driver: DriverName | None
) -> list[Operation]:
    where = (*place, "operations")
    if "operations" in entry:
        return read_operations(context, shape.operations, where, driver=driver)
    if driver is None or not DRIVERS[driver].idle:
        context.findings.note(where, "is required", quote=False)
    return [] if driver is None else list(DRIVERS[driver].implied)


def _settings(
    context: Context, shape: ScenarioShape, place: Place, *, driver: DriverName | None, operations: list[Operation]
) -> dict[str, Any]:
    """The settings under the driver's own name, by that name; those of another driver are a mistake."""
    found: dict[str, Any] = {}
    for name, reader in DRIVERS.items():
        if reader.settings is None:
            continue
        here, value = (*place, name), getattr(shape, name)
        if name == driver:
            found[name] = reader.settings(context, value, here, operations)
        elif value is not None and driver is not None:
            context.findings.note(here, f"does not belong to the {driver} driver", quote=False)
        elif value is not None:
            reader.settings(context, value, here, ())
    return found


def _note_missing_address(
    findings: Findings, place: Place, operations: list[Operation], *, driver: DriverName | None, target: Target | None
) -> None:
    if target is None or driver is None:
        return
    for key, what_for in DRIVERS[driver].addresses(operations).items():
        if getattr(target, key) is None:
            findings.note(("target", key), f"is required: scenario {place[-1]} {what_for}", quote=False)


def _suites(findings: Findings, value: Any, scenarios: list[str]) -> dict[str, Suite]:
    suites: dict[str, Suite] = {}
    for name, entry in findings.mapping(value, ("suites",), of="suites by name").items():
        place: Place = ("suites", name)
        note_bad_name(findings, name, place, slash=False)
        if name in scenarios:
            findings.note(place, "there is a scenario of the same name", quote=False)
        shape = findings.shape(SuiteShape, entry, place)
        if shape is None:
            continue
        if not shape.scenarios:
            findings.note((*place, "scenarios"), "expected at least one scenario", quote=False)
        for position, scenario in enumerate(shape.scenarios):
            if scenario not in scenarios:
                rule = f"there is no scenario {scenario}; there is {', '.join(scenarios)}"
                findings.note((*place, "scenarios", position), rule, near=nearest(scenario, scenarios))
        suites[name] = Suite(name, tuple(dict.fromkeys(shape.scenarios)), shape.duration)
    return suites
