"""The JSON Schema of a plan file, for editors: what keys there are and how values are written.

It is looser than the loader, which also knows what belongs together; a plan that the loader takes fits the schema.
"""

from typing import Any

from loadtests.plan.document import PlanShape
from loadtests.plan.thresholds import WRITTEN

__all__ = ["plan_schema"]


def plan_schema() -> dict[str, Any]:
    """The schema, draft 2020-12."""
    schema = _tidied(PlanShape.model_json_schema())
    scenario = schema["properties"]["scenarios"]["additionalProperties"]
    scenario["properties"]["thresholds"]["items"]["description"] = (
        "[operation:] [service] metric (< | <= | > | >=) value [for 30s] [abort [after 10s]] [[CLAUSE]]; "
        f"metrics: {', '.join(WRITTEN)}"
    )
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "loadtests plan"}
    return {**schema, **head}


def _tidied(value: Any) -> Any:
    """Without the titles that pydantic makes up, and without defaults that only mean "not given"."""
    if isinstance(value, list):
        return [_tidied(part) for part in value]
    if not isinstance(value, dict):
        return value
    kept = {key: part for key, part in value.items() if not _is_noise(key, part)}
    return {key: _tidied(part) for key, part in kept.items()}


def _is_noise(key: str, part: Any) -> bool:
    return (key == "title" and isinstance(part, str)) or (key == "default" and part in (None, [], ()))
