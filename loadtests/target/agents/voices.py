"""How an execution is told over HTTP: as server-sent events of its own, or as chunks of a chat completion.

A voice is pure: events in, bytes out. What an event has no words for is no bytes.
"""

import secrets
import time
from typing import Protocol

import orjson

from loadtests.target.agents.execution import Event, Failed

__all__ = ["ChatVoice", "EventVoice", "Voice"]


class Voice(Protocol):
    """Puts the steps of one execution into bytes."""

    def tell(self, event: Event, about: dict[str, object]) -> bytes:
        """A step."""

    def failed(self, failed: Failed) -> bytes:
        """The end without a result."""

    def malformed(self) -> bytes:
        """A token that is no JSON."""


class EventVoice:
    """`event: token`, `data: {"text": …}`."""

    def tell(self, event: Event, about: dict[str, object]) -> bytes:
        """See `Voice.tell`."""
        return b"event: %b\ndata: %b\n\n" % (event.encode(), orjson.dumps(about))

    def failed(self, failed: Failed) -> bytes:
        """See `Voice.failed`."""
        return b"event: error\ndata: %b\n\n" % orjson.dumps(failed.document())

    def malformed(self) -> bytes:
        """See `Voice.malformed`."""
        return b'event: token\ndata: {"text": \n\n'


class ChatVoice:
    """`data: {"object": "chat.completion.chunk", …}`, at last `data: [DONE]`; in each `user_id`, if one was named."""

    def __init__(self, model: str) -> None:
        self.id = f"chatcmpl-{secrets.token_hex(12)}"
        self._model = model
        self._head: dict[str, object] = {}
        self._tools = 0
        self._begun = False

    def tell(self, event: Event, about: dict[str, object]) -> bytes:
        """See `Voice.tell`."""
        if event == "started":
            self._head = {"id": self.id, "object": "chat.completion.chunk", "created": int(time.time())}
            self._head["model"] = self._model
            if about["user_id"] is not None:
                self._head["user_id"] = about["user_id"]
            return b""
        if event == "tool":
            function = {"name": about["name"], "arguments": "{}"}
            self._tools += 1
            call = {"index": self._tools - 1, "id": f"call_{self.id[9:]}_{self._tools}", "type": "function"}
            return self._chunk({"tool_calls": [call | {"function": function}]})
        if event == "token":
            return self._chunk({"content": about["text"]})
        if event == "completed":
            usage = {"completion_tokens": about["tokens"]}
            return self._chunk({}, finish="stop", usage=usage) + b"data: [DONE]\n\n"
        return b""

    def failed(self, failed: Failed) -> bytes:
        """See `Voice.failed`."""
        return b"data: %b\n\n" % orjson.dumps({"error": {"message": failed.reason, "type": failed.kind}})

    def malformed(self) -> bytes:
        """See `Voice.malformed`."""
        return b'data: {"choices": [{"delta": {"content": \n\n'

    def _chunk(self, delta: dict[str, object], *, finish: str | None = None, **more: object) -> bytes:
        if not self._begun:
            self._begun, delta = True, {"role": "assistant", **delta}
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return b"data: %b\n\n" % orjson.dumps({**self._head, "choices": [choice], **more})
