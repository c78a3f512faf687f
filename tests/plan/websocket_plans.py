"""Plans of WebSocket scenarios, and what the loader says of them."""

import pytest

from loadtests.errors import PlanError
from loadtests.plan.loader import plan_from_document
from loadtests.plan.model import Plan

ECHO = {"name": "echo", "send": {"json": {"id": "{{message}}"}}}
RATE = {"connections": 50, "spawn_rate": "10/s", "duration": "20s", "rate": "100/s"}
HELD = {"connections": 50, "spawn_rate": "10/s", "duration": "20s"}


def document_of(scenario: dict, **target: str) -> dict:
    given = {"websocket": "ws://127.0.0.1:9/ws", **target}
    return {"version": 1, "target": given, "scenarios": {"talk": {"driver": "websocket", **scenario}}}


def plan_of(scenario: dict, **options) -> Plan:
    return plan_from_document(document_of(scenario), source="p.yaml", environ={}, **options)


def mistake_in(scenario: dict) -> str:
    with pytest.raises(PlanError) as caught:
        plan_of(scenario)
    return str(caught.value)
