"""Reading what is asked of a locustfile."""

from collections.abc import Sequence
from typing import Any

from loadtests.plan.model import Operation, Threshold
from loadtests.plan.protocol.locust import Locustfile, LocustSettings
from loadtests.plan.reading.base import Claimed, Context, DriverReader
from loadtests.plan.shapes.locust import LocustSettingsShape
from loadtests.plan.yamlfile import Place

__all__ = ["READER"]

_OURS = {
    "users": "load.users",
    "spawn-rate": "load.spawn_rate",
    "run-time": "load.duration",
    "host": "locust.host",
    "tags": "locust.tags",
    "exclude-tags": "locust.exclude_tags",
    "stop-timeout": "timeout",
    "locustfile": "locust.locustfile",
}
_NOT_HERE = ("master", "worker", "processes", "headless", "headful", "autostart", "web-port", "expect-workers")


def _operation(context: Context, _entry: Any, place: Place) -> None:
    context.findings.note(place, "the locustfile says what its users do: leave operations away", quote=False)


def _settings(context: Context, value: Any, place: Place, _operations: Sequence[Operation]) -> LocustSettings:
    if value is None:
        context.findings.note((*place, "locustfile"), "is required", quote=False)
        return LocustSettings()
    shape = context.findings.shape(LocustSettingsShape, value, place)
    if shape is None:
        return LocustSettings()
    if context.base is not None and not (context.base / shape.locustfile).is_file():
        context.findings.note((*place, "locustfile"), f"there is no file {shape.locustfile} beside the plan")
    options = dict(shape.options or {})
    for name in options:
        here = (*place, "options", name)
        bare = name.lstrip("-").replace("_", "-")
        if bare in _OURS:
            context.findings.note(here, f"is given by {_OURS[bare]}", quote=False)
        elif bare in _NOT_HERE:
            context.findings.note(
                here, "is the suite's to decide: it runs Locust headless, a process a shard", quote=False
            )
    return LocustSettings(shape.locustfile, shape.host, shape.users, shape.tags, shape.exclude_tags, options)


def _objection(threshold: Threshold, _claimed: Claimed) -> str | None:
    if threshold.metric in ("connect", "first byte"):
        return f"Locust reports whole requests only, so it cannot measure {threshold.metric}"
    if threshold.metric == "lag":
        return "users of Locust send when they are ready to, so nothing is ever late"
    return None


READER = DriverReader(_operation, settings=_settings, objection=_objection, idle=True, implied=(Locustfile(),))
