"""The shape of what is asked over HTTP."""

from typing import Annotated, Any

from pydantic import Field

from loadtests.plan.shapes.base import CheckShape, Later, Shape
from loadtests.plan.values import (
    Duration,
    Name,
    Pair,
    Redirects,
    Text,
    TextMapping,
    Think,
    Truth,
    Weight,
    list_of,
    map_of,
)

__all__ = ["AuthShape", "ExtractShape", "HttpSettingsShape", "HttpShape", "RequestShape", "StepShape"]


class AuthShape(Shape):
    """Who asks: one of basic and bearer."""

    basic: Pair | None = None
    bearer: Name | None = None


class ExtractShape(Shape):
    """Where a value for later steps comes from: one of json, header and regex."""

    json_: Name | None = Field(None, alias="json", description="dotted path, such as data.0.id")
    header: Name | None = None
    regex: Name | None = None


class RequestShape(Shape):
    """The parts of a request that operations and steps have in common."""

    request: Name | None = Field(None, description="METHOD /path, or METHOD and an absolute URL")
    headers: TextMapping | None = None
    json_: Any = Field(None, alias="json", description="a JSON body")
    form: TextMapping | None = Field(None, description="a form body")
    raw: Text | None = Field(None, description="a body as it stands")
    file: Name | None = Field(None, description="a body from a file beside the plan")
    auth: Annotated[Any, Later(AuthShape)] = None
    check: Annotated[Any, Later(CheckShape)] = None
    redirects: Redirects | None = Field(None, description="how many redirects are followed; 0 unless given")
    timeout: Duration | None = None


class StepShape(RequestShape):
    """One request of a journey."""

    name: Name
    extract: Annotated[Any, Later(ExtractShape, wrap=map_of)] = None
    think: Think | None = None


class HttpShape(RequestShape):
    """An HTTP operation: a request, or steps, or a journey written in Python."""

    name: Name
    weight: Weight = 1.0
    steps: Annotated[Any, Later(StepShape, wrap=list_of)] = None
    journey: Name | None = Field(None, description="module:function, an async function given a user")


class HttpSettingsShape(Shape):
    """HTTP behaviour of a scenario."""

    keep_alive: Truth = True
    cookies: Truth | None = None
