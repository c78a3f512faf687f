"""report.json: its published schema, the keys that DESIGN promises, and absence as null."""

import json
from dataclasses import replace

import jsonschema
import made_verdicts as made
import pytest
from jsonschema import Draft202012Validator

from loadtests.judge.verdict import Outcome
from loadtests.report.compose import page_of
from loadtests.report.jsondoc import render, schema_text

PROMISED = {
    "schema": "", "verdict": "", "run": {"id": "", "started_at": "", "build": "", "comparability": ""},
    "scenarios": [{
        "name": "", "driver": "", "verdict": "", "steady": {"from_s": 0, "to_s": 0},
        "load": {
            "offered_per_s": 0, "achieved_per_s": 0, "offered": 0, "dropped": 0,
            "lag_ms": {"p50": 0, "p99": 0, "max": 0},
        },
        "health": {"valid": True, "reasons": []},
        "operations": [{
            "name": "", "requests": 0, "ok": 0, "failed": 0, "failures": {}, "throughput_per_s": 0,
            "response_ms": {"p50": 0, "p90": 0, "p95": 0, "p99": 0, "p99.9": 0, "max": 0, "mean": 0}, "service_ms": {},
        }],
        "total": {"requests": 0, "response_ms": {}},
        "thresholds": [{
            "text": "", "verdict": "", "observed": 0, "limit": 0, "unit": "", "interval": [], "samples": 0, "why": "",
        }],
        "resources": {"target": {}, "generator": {}},
    }],
}  # fmt: skip
"""The keys that the design document promises at least."""


def document(verdict):
    return json.loads(render(page_of(verdict)), parse_constant=pytest.fail)


def closed(schema):
    """The schema with every object closed, so that a key it does not describe is an error."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made_strict = {key: closed(value) for key, value in schema.items()}
    if made_strict.get("type") == "object" and "properties" in made_strict:
        made_strict["additionalProperties"] = False
    return made_strict


def test_the_published_schema_is_one():
    """It is valid JSON Schema and names the version it describes."""
    schema = json.loads(schema_text())
    Draft202012Validator.check_schema(schema)
    assert schema["properties"]["schema"]["const"] == "loadtests.report/1"


@pytest.mark.parametrize("kind", list(made.every()))
def test_every_kind_of_verdict_fits_the_schema_with_nothing_undescribed(kind):
    """Each key written is described, each key required is written."""
    strict = closed(json.loads(schema_text()))
    strict["$defs"]["scenario"]["properties"]["resources"]["additionalProperties"] = False
    jsonschema.validate(document(made.every()[kind]), strict, Draft202012Validator)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("verdict",), "ok", id="a verdict that is not one of the four"),
        pytest.param(("scenarios", 0, "total", "requests"), -1, id="-1 for absence"),
        pytest.param(("scenarios", 0, "thresholds", 0, "unit"), "ns", id="a unit that is not published"),
        pytest.param(("scenarios", 0, "total", "response_ms", "p99"), "1 ms", id="a worded number"),
    ],
)
def test_the_schema_refuses_what_is_wrong(path, value):
    found = document(made.verdict())
    inner = found
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, json.loads(schema_text()), Draft202012Validator)


def missing(promised, found, where=""):
    if isinstance(promised, dict):
        gone = [f"{where}.{key}" for key in promised if key not in found]
        return gone + [
            m for key in promised if key in found for m in missing(promised[key], found[key], f"{where}.{key}")
        ]
    return missing(promised[0], found[0], f"{where}[0]") if isinstance(promised, list) and promised else []


@pytest.mark.parametrize("kind", ["pass", "fail", "invalid", "inconclusive"])
def test_every_promised_key_is_there(kind):
    """The sample of the design document, key by key."""
    assert missing(PROMISED, document(made.every()[kind])) == []


@pytest.mark.parametrize("kind", list(made.every()))
def test_the_verdict_key_is_one_of_the_four_words(kind):
    """Programs compare it with a word in lower case."""
    assert document(made.every()[kind])["verdict"] == made.every()[kind].outcome.value


def test_absence_is_null():
    """A run without data has null latencies and an observed value of null, not 0, -1 or NaN."""
    scenario = document(made.empty())["scenarios"][0]
    assert scenario["total"]["response_ms"]["p99"] is None
    assert scenario["thresholds"][0]["observed"] is scenario["thresholds"][0]["interval"] is None
    assert scenario["load"]["lag_ms"] == {"p50": None, "p99": None, "max": None}


def test_not_a_number_becomes_null():
    """A NaN that reached a verdict does not make the file unreadable."""
    health = replace(made.HEALTHY, achieved_per_s=float("nan"))
    assert document(made.verdict(health=health))["scenarios"][0]["load"]["achieved_per_s"] is None


def test_times_are_milliseconds_and_limits_keep_their_unit():
    """A limit of 2 s is 2000 ms; a share stays a share."""
    rows = document(made.verdict())["scenarios"][0]["thresholds"]
    assert [(row["limit"], row["unit"]) for row in rows] == [
        (200, "ms"),
        (2000, "ms"),
        (0.01, "ratio"),
        (99, "per_s"),
    ]
    assert rows[1]["observed"] == 31.4


def test_what_an_inconclusive_threshold_needs_is_there():
    """A program can say how long the run should have been."""
    row = document(made.inconclusive())["scenarios"][0]["thresholds"][-1]
    assert (row["verdict"], row["samples"], row["needed"]) == (Outcome.INCONCLUSIVE, 1500, 2995)
