"""The published JSON Schema is the one the code means, and takes what the loader takes."""

import json
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

from loadtests.plan.schema import plan_schema
from loadtests.plan.yamlfile import read_yaml

ROOT = Path(__file__).parents[2]


def test_the_committed_schema_is_the_generated_one() -> None:
    """Renew it with `loadtests check --schema > loadtests/plan/scenarios.schema.json`."""
    committed = resources.files("loadtests.plan").joinpath("scenarios.schema.json").read_text()
    assert json.loads(committed) == json.loads(json.dumps(plan_schema()))


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(plan_schema())


def test_the_plan_of_this_repository_fits_the_schema() -> None:
    """As it stands in the file, before the environment fills it."""
    jsonschema.validate(read_yaml((ROOT / "scenarios.yaml").read_text()).value, plan_schema())


@pytest.mark.parametrize(
    ("change", "where"),
    [
        pytest.param({"version": 2}, "version", id="another version"),
        pytest.param({"sceanrios": {}}, "sceanrios", id="an unknown key"),
        pytest.param({"target": {"http": "http://h", "allowed": []}}, "allowed", id="an unknown key deep down"),
        pytest.param({"scenarios": {"a": {"driver": "http"}}}, "load", id="a scenario without a load"),
        pytest.param({"suites": {"s": {"scenarios": ["a"], "duration": "5"}}}, "5", id="a duration without its unit"),
    ],
)
def test_the_schema_finds_mistakes(change: dict[str, object], where: str) -> None:
    document = {
        "version": 1,
        "scenarios": {
            "a": {
                "driver": "http",
                "load": {"rate": "${RATE:-5/s}", "duration": "1m"},
                "operations": [{"name": "x", "request": "GET /"}],
            }
        },
    }
    jsonschema.validate(document, plan_schema())
    with pytest.raises(jsonschema.ValidationError) as caught:
        jsonschema.validate({**document, **change}, plan_schema())
    assert where in caught.value.message or where in map(str, caught.value.path)
