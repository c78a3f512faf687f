"""POST /v1/chat/completions as agents see it: the last message is the query, `user` asks, the model says how hard.

A model whose name has "complex" in it is complex, any other simple. A request that names no user is about user 1, and
its answer names nobody.
"""

import time
from collections.abc import Mapping
from typing import Any

from loadtests.target.agents.question import Question, read_question
from loadtests.target.call import Refused

__all__ = ["completion", "read_chat"]

_NOBODY = 1


def read_chat(asked: Mapping[str, Any]) -> tuple[Question, str]:
    """The question and the model's name; raises `Refused` (422)."""
    model, named = asked.get("model"), asked.get("user")
    if not isinstance(model, str) or not 0 < len(model) <= 200:
        raise Refused(422, "model: expected a name such as netra-simple or netra-complex")
    question = read_question(
        {
            "query": _content(asked.get("messages")),
            "user_id": _NOBODY if named is None else named,
            "complexity": "complex" if "complex" in model else "simple",
            "stream": asked.get("stream", False),
        }
    )
    return (question if named is not None else _anonymous(question)), model


def completion(result: Mapping[str, Any], model: str) -> dict[str, object]:
    """The result as a chat completion in one piece."""
    message = {"role": "assistant", "content": result["text"]}
    document: dict[str, object] = {
        "id": f"chatcmpl-{result['run_id']}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"completion_tokens": result["tokens"]},
    }
    return document if result["user_id"] is None else document | {"user_id": result["user_id"]}


def _content(messages: object) -> object:
    last = messages[-1] if isinstance(messages, list) and messages else None
    content = last.get("content") if isinstance(last, dict) else None
    if not isinstance(content, str):
        raise Refused(422, 'messages: expected a list that ends with {"role": "user", "content": "…"}')
    return content


def _anonymous(question: Question) -> Question:
    return Question(question.query, question.user, None, None, question.complexity, question.stream)
