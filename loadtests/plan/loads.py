"""Reading `load`: which of its three forms it has, and whether it leaves something to judge."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from loadtests.plan.document import LoadShape, StageShape
from loadtests.plan.findings import Findings
from loadtests.plan.model import DISCOVERING, Arrivals, ClosedLoad, Connections, DriverName, OpenLoad, Operation, Stage
from loadtests.plan.reading.drivers import DRIVERS
from loadtests.plan.thresholds import write_duration
from loadtests.plan.yamlfile import Place

__all__ = ["fitting_load", "note_empty_steady", "read_load"]

_FORMS = {
    "stages": ("stages", "arrivals", "max_in_flight"),
    "connections": (
        "connections",
        "senders",
        "spawn_rate",
        "duration",
        "rate",
        *("arrivals", "max_in_flight", "think", "pacing"),
    ),
    "users": ("users", "spawn_rate", "duration", "think", "pacing"),
    "rate": ("rate", "duration", "ramp", "arrivals", "max_in_flight"),
}
_WHAT = {
    "stages": "an open load by stages",
    "connections": "a load over held connections",
    "users": "a closed load by users",
    "rate": "an open load by rate",
}
_IN_FLIGHT = 2000


def read_load(findings: Findings, value: object, place: Place) -> OpenLoad | ClosedLoad | None:
    """The load; `None` when its form or one of its figures is missing or wrong."""
    shape = findings.shape(LoadShape, value, place)
    if shape is None or not isinstance(value, dict):
        return None
    form = next((key for key in _FORMS if key in value), None)
    if form is None:
        findings.note(place, "expected one of rate, users, connections or stages")
        return None
    _note_strangers(findings, place, form, value)
    if form != "stages" and "duration" not in value:
        findings.note((*place, "duration"), "is required", quote=False)
    if form == "stages":
        return _staged(findings, shape, value["stages"], place)
    if findings.damaged(place):
        return None
    if form == "connections":
        return _held(findings, shape, place)
    return _closed(findings, shape, place) if form == "users" else _steady(findings, shape, place)


def fitting_load(
    findings: Findings,
    load: OpenLoad | ClosedLoad | None,
    operations: Sequence[Operation],
    *,
    driver: DriverName,
    place: Place,
) -> OpenLoad | ClosedLoad | None:
    """The load, where its form fits the driver; without operations connections are only held."""
    if load is None:
        return load
    held = load.connections is not None
    if driver in DISCOVERING and not held:
        return _users_only(findings, load, place)
    if held != DRIVERS[driver].holds:
        rule = (
            f"a {driver} scenario has connections" if not held else f"connections do not belong to the {driver} driver"
        )
        findings.note((*place, "load"), rule, quote=False)
        return None
    if held and not operations and not findings.damaged((*place, "operations")) and load.connections is not None:
        if isinstance(load, OpenLoad) and load.stages[-1].rate:
            findings.note((*place, "load", "rate"), "there are no operations to send at it")
        if 0 < load.connections.senders < load.connections.count:
            findings.note((*place, "load", "senders"), "there are no operations to send")
        if isinstance(load, ClosedLoad) and (load.think_ns is not None or load.pacing_ns is not None):
            key = "think" if load.think_ns is not None else "pacing"
            findings.note((*place, "load", key), "there are no operations to pace")
        idle = Stage(0.0, load.duration_ns, ramp=False)
        return OpenLoad((idle,), connections=replace(load.connections, senders=0))
    if held and operations and not (load.connections and load.connections.senders):
        findings.note((*place, "load", "senders"), "nobody would send the operations")
    return load


def _users_only(findings: Findings, load: OpenLoad | ClosedLoad, place: Place) -> ClosedLoad | None:
    """The load of a locustfile, which says itself how its users pause."""
    if not isinstance(load, ClosedLoad):
        findings.note((*place, "load"), "a locust scenario has users, spawn_rate and duration", quote=False)
        return None
    for key in ("think", "pacing"):
        if getattr(load, f"{key}_ns") is not None:
            findings.note((*place, "load", key), "the locustfile says how its users pause (wait_time)", quote=False)
    return load


def note_empty_steady(findings: Findings, load: OpenLoad | ClosedLoad, warmup_ns: int, place: Place) -> bool:
    """Whether warm-up and ramp leave nothing to judge; if so that is a mistake of the longer of the two."""
    if max(warmup_ns, load.ramp_ns) < load.duration_ns:
        return False
    duration = write_duration(load.duration_ns)
    if warmup_ns >= load.ramp_ns:
        findings.note((*place, "warmup"), f"leaves nothing to judge of a load of {duration}")
    elif load.connections is not None and load.connections.spawn_ns >= load.duration_ns:
        rule = f"the last of {load.connections.count} connections is due after {write_duration(load.ramp_ns)}"
        findings.note((*place, "load", "spawn_rate"), f"{rule}: nothing is left to judge of {duration}")
    elif isinstance(load, ClosedLoad):
        rule = (
            f"the last of {load.users} users starts after {write_duration(load.ramp_ns)}: nothing is left to judge of"
        )
        findings.note((*place, "load", "spawn_rate"), f"{rule} {duration}")
    else:
        findings.note((*place, "load"), "a load that only climbs from zero leaves nothing to judge: add a stage")
    return True


def _note_strangers(findings: Findings, place: Place, form: str, given: Iterable[str]) -> None:
    for key in given:
        if key in LoadShape.model_fields and key not in _FORMS[form]:
            own = ", ".join(_FORMS[form])
            findings.note((*place, key), f"does not belong to {_WHAT[form]}, which has {own}")


def _steady(findings: Findings, shape: LoadShape, place: Place) -> OpenLoad | None:
    rate, duration_ns, ramp_ns = shape.rate or 0.0, shape.duration or 0, shape.ramp or 0
    if rate <= 0:
        findings.note((*place, "rate"), "expected a rate above 0")
        return None
    if ramp_ns >= duration_ns:
        findings.note((*place, "ramp"), f"must be shorter than the duration, {write_duration(duration_ns)}")
        return None
    climb = (Stage(rate, ramp_ns, ramp=True),) if ramp_ns else ()
    return _open(shape, (*climb, Stage(rate, duration_ns - ramp_ns, ramp=False)))


def _staged(findings: Findings, shape: LoadShape, value: object, place: Place) -> OpenLoad | None:
    stages = []
    for position, entry in enumerate(findings.sequence(value, (*place, "stages"), of="stages")):
        here = (*place, "stages", position)
        stage = findings.shape(StageShape, entry, here)
        if stage is None or findings.damaged(here):
            continue
        if (stage.over is None) == (stage.for_ is None):
            findings.note(here, "expected exactly one of over (move to the rate) and for (hold it)")
            continue
        stages.append(Stage(stage.rate, stage.over or stage.for_ or 0, ramp=stage.over is not None))
    if findings.damaged(place):
        return None
    if not any(stage.rate for stage in stages):
        findings.note((*place, "stages"), "expected at least one stage with a rate above 0", quote=False)
        return None
    return _open(shape, tuple(stages))


def _open(shape: LoadShape, stages: tuple[Stage, ...]) -> OpenLoad:
    arrivals: Arrivals = "poisson" if shape.arrivals == "poisson" else "constant"
    return OpenLoad(stages, arrivals, shape.max_in_flight or _IN_FLIGHT)


def _held(findings: Findings, shape: LoadShape, place: Place) -> OpenLoad | ClosedLoad | None:
    """Connections with messages at a rate, by users that pace themselves, or (`senders` 0 or no rate) with none."""
    count, duration_ns = shape.connections or 1, shape.duration or 0
    senders = count if shape.senders is None else shape.senders
    if senders > count:
        findings.note((*place, "senders"), f"there are only {count} connections")
        return None
    if shape.spawn_rate is not None and shape.spawn_rate <= 0:
        findings.note((*place, "spawn_rate"), "expected a rate above 0")
        return None
    connections = Connections(count, shape.spawn_rate, senders)
    if shape.rate is None:
        return _held_by_users(findings, shape, connections, place)
    if shape.think is not None or shape.pacing is not None:
        findings.note((*place, "rate"), "rate, think and pacing exclude each other: keep one")
        return None
    if shape.rate <= 0:
        findings.note((*place, "rate"), "expected a rate above 0; without a rate and operations connections are held")
        return None
    climb_ns = connections.spawn_ns
    if climb_ns >= duration_ns:
        findings.note(
            (*place, "spawn_rate"), f"the last connection is due after {write_duration(climb_ns)}, the load's end"
        )
        return None
    climb = (Stage(shape.rate, climb_ns, ramp=True),) if climb_ns else ()
    open_load = _open(shape, (*climb, Stage(shape.rate, duration_ns - climb_ns, ramp=False)))
    return replace(open_load, connections=connections)


def _held_by_users(
    findings: Findings, shape: LoadShape, connections: Connections, place: Place
) -> OpenLoad | ClosedLoad | None:
    for key in ("arrivals", "max_in_flight"):
        if getattr(shape, key) is not None:
            findings.note((*place, key), "belongs to a rate", quote=False)
    if not connections.senders:
        return OpenLoad((Stage(0.0, shape.duration or 0, ramp=False),), connections=connections)
    closed = _closed(findings, shape, place)
    return None if closed is None else replace(closed, users=connections.senders, connections=connections)


def _closed(findings: Findings, shape: LoadShape, place: Place) -> ClosedLoad | None:
    if shape.think is not None and shape.pacing is not None:
        findings.note((*place, "pacing"), "think and pacing exclude each other: keep one")
        return None
    if shape.spawn_rate is not None and shape.spawn_rate <= 0:
        findings.note((*place, "spawn_rate"), "expected a rate above 0")
        return None
    return ClosedLoad(shape.users or 1, shape.duration or 0, shape.spawn_rate, shape.think, shape.pacing)
