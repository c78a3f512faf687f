"""The shape of what is asked of a locustfile."""

from pydantic import Field

from loadtests.plan.shapes.base import Shape
from loadtests.plan.values import Name, TextMapping, Texts

__all__ = ["LocustSettingsShape"]


class LocustSettingsShape(Shape):
    """Which locustfile is run, and how."""

    locustfile: Name = Field(description="a locustfile beside the plan or below, as it is")
    host: Name | None = Field(None, description="its --host; target.http unless given")
    users: Texts = Field((), description="user classes; all of the file unless given")
    tags: Texts = ()
    exclude_tags: Texts = ()
    options: TextMapping | None = Field(None, description="further options, of Locust or of the locustfile's own")
