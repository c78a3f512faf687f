"""What the shapes of all drivers share."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from loadtests.plan.values import Duration, Mapping, Name, Size, Statuses, TextMapping, Texts, Weight

__all__ = ["CheckShape", "Later", "OperationShape", "Shape"]


class Later:
    """A part read on its own later, by its own model: here anything goes, in the schema its shape stands."""

    def __init__(self, *models: type[BaseModel], wrap: Callable[[Any], dict[str, Any]] | None = None) -> None:
        self._models, self._wrap = models, wrap or (lambda schema: dict(schema))

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        return core_schema.any_schema()

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        found = [handler(model.__pydantic_core_schema__) for model in self._models]
        return self._wrap(found[0] if len(found) == 1 else {"anyOf": found})


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OperationShape(Shape):
    """What every operation has, whatever its driver."""

    name: Name
    weight: Weight = 1.0
    timeout: Duration | None = None


class CheckShape(Shape):
    """What makes an answer good; without status, any below 400."""

    status: Statuses | None = None
    json_: Mapping | None = Field(None, alias="json", description="dotted path to the value it must equal")
    contains: Texts = ()
    headers: TextMapping | None = None
    max_bytes: Size | None = None
