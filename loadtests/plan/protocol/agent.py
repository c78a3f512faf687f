"""What a plan asks of agents: executions of one or more turns, how to talk, and what makes their answers right."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from loadtests.plan.protocol.http import Check

__all__ = ["EXECUTION", "PATHS", "AgentOperation", "AgentSettings", "Api", "Complexity", "Expected", "Limits"]

Api = Literal["answer", "stream", "openai"]
"""How to talk: an execute request answered once; the same as a stream of events; a chat-completions stream."""

Complexity = Literal["simple", "complex"]

PATHS: Mapping[Api, str] = {
    "answer": "/api/agent/execute",
    "stream": "/api/agent/execute",
    "openai": "/v1/chat/completions",
}
"""Where requests go unless the plan says otherwise."""

EXECUTION = "execution"
"""The variable that is an execution's own number."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The right answer: `value` (a text may hold `{{name}}`), at a dotted path of the result, or all of its text.

    With `within` both are numbers, and may differ by that much.
    """

    value: Any
    path: str | None = None
    within: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What an execution must keep to count as good: whole, first token of each turn, longest gap between tokens."""

    total_ns: int | None = None
    ttft_ns: int | None = None
    gap_ns: int | None = None


@dataclass(frozen=True, slots=True)
class AgentOperation:
    """One kind of execution: its `prompts`, one per turn, and what must come back.

    `user` is who asks, `thread` the conversation (one of its own without it); `body` is laid over each request's
    document. `check` is of the last turn's result. All texts may hold `{{name}}`, among them `{{execution}}`.
    """

    name: str
    prompts: tuple[str, ...]
    weight: float = 1.0
    user: str | None = None
    thread: str | None = None
    complexity: Complexity | None = None
    system: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    check: Check = Check()
    expected: Expected | None = None
    limits: Limits = Limits()
    timeout_ns: int | None = None


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How a scenario talks to its agents.

    A refused execution (429, 503) is tried again `retries` times, after what `Retry-After` says. `identity` is the
    dotted path at which an answer says whose it is; `queue` the path of the queue's status, looked at once a second.
    """

    api: Api = "answer"
    path: str = PATHS["answer"]
    model: str = "default"
    headers: Mapping[str, str] = field(default_factory=dict)
    bearer: str | None = None
    retries: int = 0
    identity: str = "user_id"
    queue: str | None = None
