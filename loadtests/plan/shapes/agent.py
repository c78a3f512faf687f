"""The shape of what is asked of agents."""

from typing import Annotated, Any, get_args

from pydantic import Field

from loadtests.plan.protocol.agent import Api, Complexity
from loadtests.plan.shapes.base import CheckShape, Later, OperationShape, Shape
from loadtests.plan.values import Duration, Mapping, Name, Seed, Text, TextMapping, Texts, Weight, word

__all__ = ["AgentSettingsShape", "AgentShape", "ExpectedShape", "LimitsShape"]


class ExpectedShape(Shape):
    """The right answer."""

    equals: Any = Field(description="the value, as it stands or with {{name}} from a feeder")
    json_: Name | None = Field(None, alias="json", description="dotted path into the result; without it the whole text")
    within: Weight | None = Field(None, description="how far a number may be off")


class LimitsShape(Shape):
    """What an execution must keep to for goodput."""

    total: Duration | None = None
    ttft: Duration | None = None
    gap: Duration | None = Field(None, description="the longest time between two tokens")


class AgentShape(OperationShape):
    """One kind of execution: what the agent is asked, in one turn or several, and what must come back."""

    prompt: Texts = Field(description="what is asked; a list is one conversation, a turn each")
    user: Text | None = Field(None, description="who asks; the answer must be theirs")
    thread: Text | None = Field(None, description="the conversation; one of its own unless given")
    complexity: Annotated[str, *word(*get_args(Complexity))] | None = None
    system: Text | None = Field(None, description="the system prompt (api: openai)")
    body: Mapping | None = Field(None, description="further fields of every request")
    check: Annotated[Any, Later(CheckShape)] = None
    answer: Annotated[Any, Later(ExpectedShape)] = None
    limits: Annotated[Any, Later(LimitsShape)] = None


class AgentSettingsShape(Shape):
    """How a scenario talks to its agents."""

    api: Annotated[str, *word(*get_args(Api))] = "answer"
    path: Text | None = Field(None, description="/api/agent/execute, or with api: openai /v1/chat/completions")
    model: Name = "default"
    headers: TextMapping | None = None
    bearer: Name | None = None
    retries: Seed = Field(0, description="how often a refused execution is tried again, after Retry-After")
    identity: Name = Field("user_id", description="dotted path at which an answer says whose it is")
    queue: Name | None = Field(None, description="path of the queue's status, sampled once a second")
