"""The shape of what is asked of the null driver."""

from pydantic import Field

from loadtests.plan.shapes.base import OperationShape
from loadtests.plan.values import Count, Name

__all__ = ["NullShape"]


class NullShape(OperationShape):
    """An operation of the null driver: answers by a law, sends nothing."""

    law: Name = Field(description="a latency law, such as 5ms 98%, 100ms 2%")
    fail_every: Count | None = None
