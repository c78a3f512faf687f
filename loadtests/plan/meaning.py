"""From a document with its environment filled in to the parts of a `Plan`, noting every mistake on the way."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from loadtests.plan.claims import Claimed, read_thresholds
from loadtests.plan.document import HttpSettingsShape, PlanShape, ScenarioShape, SuiteShape
from loadtests.plan.feeding import read_feeders
from loadtests.plan.findings import Findings
from loadtests.plan.loads import note_empty_steady, read_load
from loadtests.plan.model import ClosedLoad, DriverName, OpenLoad, Operation, Scenario, Stage, Suite, Target
from loadtests.plan.operations import note_bad_name, read_operations
from loadtests.plan.protocol.http import HttpOperation, HttpSettings
from loadtests.plan.protocol.websocket import WebsocketOperation, WebsocketSettings
from loadtests.plan.requests import Fed
from loadtests.plan.suggest import nearest
from loadtests.plan.targets import read_target
from loadtests.plan.websockets import NUMBER, note_unmatched, read_websocket_settings
from loadtests.plan.yamlfile import Place

__all__ = ["Parts", "read_parts"]

Parts = tuple[Target, dict[str, Scenario], dict[str, Suite]]

_DRIVERS: dict[str, DriverName] = {"http": "http", "websocket": "websocket", "null": "null"}
_PARTS = ("driver", "load", "operations", "data", "thresholds", "http", "websocket")
_LATER_DRIVERS = ("database", "agent", "locust")


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
        given = {
            key: entry.get(key) for key in ("driver", "load", "operations", "data", "thresholds", "http", "websocket")
        }
        shape = ScenarioShape.model_construct(**given)
    driver = _driver(findings, shape, entry, (*place, "driver"))
    load = read_load(findings, shape.load, (*place, "load")) if "load" in entry else None
    data = read_feeders(findings, shape.data, (*place, "data"), seed=shape.seed, base=base)
    operations: list[Operation] = []
    where = (*place, "operations")
    if "operations" in entry:
        operations = read_operations(findings, shape.operations, where, driver=driver, fed=data, base=base)
    elif driver != "websocket":
        findings.note(where, "is required", quote=False)
    load = _fitting(findings, load, operations, driver=driver, place=place)
    steady_ns = _steady(findings, load, shape.warmup, place)
    whole = None if driver is None or findings.damaged((*place, "operations")) else operations
    messages = [operation for operation in operations if isinstance(operation, WebsocketOperation)]
    websocket = _websocket(findings, shape.websocket, place, driver=driver, fed=data, messages=messages)
    claimed = Claimed(driver or "http", whole, load, steady_ns, target, websocket)
    thresholds = read_thresholds(findings, shape.thresholds, (*place, "thresholds"), claimed)
    settings = _settings(findings, shape.http, place, driver=driver)
    _note_missing_address(findings, place, operations, target)
    if driver == "websocket" and target is not None and target.websocket is None:
        findings.note(("target", "websocket"), f"is required: scenario {name} connects to it", quote=False)
    if load is None or driver is None:
        return None
    feeders = {key: feeder for key, feeder in data.items() if feeder is not None}
    return Scenario(
        name,
        driver,
        load,
        tuple(operations),
        thresholds,
        shape.warmup,
        shape.timeout,
        shape.seed,
        feeders,
        settings,
        websocket,
    )


def _driver(findings: Findings, shape: ScenarioShape, entry: dict[str, Any], place: Place) -> DriverName | None:
    if "driver" not in entry:
        return None
    written = "null" if shape.driver is None else shape.driver
    if written in _LATER_DRIVERS:
        findings.note(
            place, f"the {written} driver is not available in this version, which has http, websocket and null"
        )
    elif not isinstance(written, str) or written not in _DRIVERS:
        near = nearest(written, [*_DRIVERS, *_LATER_DRIVERS])
        findings.note(place, f"unknown driver; expected one of {', '.join(_DRIVERS)}", near=near)
    return _DRIVERS.get(written) if isinstance(written, str) else None


def _steady(findings: Findings, load: OpenLoad | ClosedLoad | None, warmup_ns: int, place: Place) -> int | None:
    """Length of the steady interval; `None` when there is none or it is not known."""
    if load is None or note_empty_steady(findings, load, warmup_ns, place):
        return None
    return load.duration_ns - max(warmup_ns, load.ramp_ns)


def _settings(findings: Findings, value: Any, place: Place, *, driver: DriverName | None) -> HttpSettings:
    if value is None:
        return HttpSettings()
    if driver not in (None, "http"):
        findings.note((*place, "http"), f"does not belong to the {driver} driver", quote=False)
    shape = findings.shape(HttpSettingsShape, value, (*place, "http"))
    return HttpSettings() if shape is None else HttpSettings(shape.keep_alive, shape.cookies)


def _websocket(
    findings: Findings,
    value: Any,
    place: Place,
    *,
    driver: DriverName | None,
    fed: Fed,
    messages: list[WebsocketOperation],
) -> WebsocketSettings:
    here = (*place, "websocket")
    if value is not None and driver not in (None, "websocket"):
        findings.note(here, f"does not belong to the {driver} driver", quote=False)
    if driver == "websocket" and NUMBER in fed:
        rule = "{{message}} is a message's own number: choose another name"
        findings.note((*place, "data", NUMBER), rule, quote=False)
    settings = read_websocket_settings(findings, value, here, fed=fed)
    if not findings.damaged(here):
        note_unmatched(findings, messages, settings, (*place, "operations"))
    return settings


def _fitting(
    findings: Findings,
    load: OpenLoad | ClosedLoad | None,
    operations: list[Operation],
    *,
    driver: DriverName | None,
    place: Place,
) -> OpenLoad | ClosedLoad | None:
    """The load, where its form fits the driver; without operations connections are only held."""
    if load is None or driver is None:
        return load
    held = load.connections is not None
    if held != (driver == "websocket"):
        rule = (
            "a websocket scenario has connections" if not held else f"connections do not belong to the {driver} driver"
        )
        findings.note((*place, "load"), rule, quote=False)
        return None
    if held and not operations and not findings.damaged((*place, "operations")) and load.connections is not None:
        if isinstance(load, OpenLoad) and load.stages[-1].rate:
            findings.note((*place, "load", "rate"), "there are no operations to send at it")
        if isinstance(load, ClosedLoad) and (load.think_ns is not None or load.pacing_ns is not None):
            key = "think" if load.think_ns is not None else "pacing"
            findings.note((*place, "load", key), "there are no operations to pace")
        idle = Stage(0.0, load.duration_ns, ramp=False)
        return OpenLoad((idle,), connections=replace(load.connections, senders=0))
    if held and operations and not (load.connections and load.connections.senders):
        findings.note((*place, "load", "senders"), "nobody would send the operations")
    return load


def _note_missing_address(findings: Findings, place: Place, operations: list[Operation], target: Target | None) -> None:
    if target is None or target.http is not None:
        return
    http = [operation for operation in operations if isinstance(operation, HttpOperation)]
    requests = [request for one in http for request in (one.request, *(step.request for step in one.steps)) if request]
    if any(request.path.startswith("/") for request in requests):
        findings.note(("target", "http"), f"is required: scenario {place[-1]} sends to paths below it", quote=False)


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
