"""The three ways to talk to an agent: what a turn's request says, and what its answer means. See docs/agents.md."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import orjson

from loadtests.drive.drivers.agent.turn import MOST_PHASES, Turn
from loadtests.drive.drivers.failure import Failure
from loadtests.drive.drivers.http.check import PathMissing, at_path
from loadtests.plan.protocol.agent import AgentOperation, AgentSettings, Api

__all__ = ["ANSWER", "ChatStream", "Dialect", "EventStream", "OneAnswer", "dialect"]

ANSWER = "answer."
"""Variables of this name and a number are the answers to earlier turns."""

_SHOWN = 80
_LONGEST_NAME = 40


class Dialect(ABC):
    """One way to talk. `media` is what a good answer is; `last` what ends a stream, for people."""

    media: ClassVar[str]
    streams: ClassVar[bool]
    last: ClassVar[str] = ""

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        self._identity = settings.identity
        self._at_top = settings.identity.isidentifier()

    @abstractmethod
    def document(self, operation: AgentOperation, turn: int, *, thread: str | None) -> dict[str, Any]:
        """The body of the request of that turn (from 0), as a template."""

    @abstractmethod
    def event(self, turn: Turn, name: bytes, data: bytes, now_ns: int) -> Failure | None:
        """Take one event of a stream; a failure for one that cannot be understood."""

    def events(self, turn: Turn, name: bytes, found: Sequence[bytes], times_ns: Sequence[int]) -> int:  # noqa: ARG002
        """Take as many of the first events (all of one name) as can be at once; how many. `event` takes the others."""
        return 0

    def answer(self, turn: Turn, body: bytes) -> Failure | None:
        """Take a whole answer that is no stream."""
        raise NotImplementedError

    def result(self, turn: Turn) -> bytes:
        """What checks are held against: the document that ended the turn, or all its text."""
        return turn.result

    def _owner(self, document: dict[str, Any]) -> Any:
        """Whose the document says it is."""
        if self._at_top:
            return document.get(self._identity)
        try:
            return at_path(document, self._identity)
        except PathMissing:
            return None


class OneAnswer(Dialect):
    """An execute request, answered once when all is done."""

    media, streams = "application/json", False

    def document(self, operation: AgentOperation, turn: int, *, thread: str | None) -> dict[str, Any]:
        """See `Dialect`."""
        fields = {
            "query": operation.prompts[turn],
            "user_id": operation.user,
            "thread_id": thread,
            "complexity": operation.complexity,
            "stream": self.streams or None,
        }
        return {**{name: value for name, value in fields.items() if value is not None}, **operation.body}

    def event(self, turn: Turn, name: bytes, data: bytes, now_ns: int) -> Failure | None:
        """See `Dialect`: there are none."""
        raise NotImplementedError

    def answer(self, turn: Turn, body: bytes) -> Failure | None:
        """See `Dialect`."""
        document = _document(body)
        if document is None:
            return Failure("malformed", f"the answer is no JSON object: {_shown(body)}")
        self._completed(turn, document, body)
        phases = document.get("phases")
        if isinstance(phases, dict):
            timed = [(str(name), spent) for name, spent in phases.items() if isinstance(spent, int | float)]
            turn.phases = [(name[:_LONGEST_NAME], round(spent * 1e9)) for name, spent in timed[:MOST_PHASES]]
        return None

    def _completed(self, turn: Turn, document: dict[str, Any], body: bytes) -> None:
        turn.ended, turn.result = True, body
        turn.identify(self._owner(document))


class EventStream(OneAnswer):
    """An execute request, answered by named events."""

    media, streams, last = "text/event-stream", True, "completed"

    def __init__(self, settings: AgentSettings) -> None:
        super().__init__(settings)
        self._readers: dict[bytes, Callable[[Turn, dict[str, Any], int], Failure | None]] = {
            b"started": self._started,
            b"phase": self._phase,
            b"tool": self._tool,
            b"error": self._error,
        }

    def event(self, turn: Turn, name: bytes, data: bytes, now_ns: int) -> Failure | None:
        """See `Dialect`. Events of other names mean nothing here."""
        if name == b"token":
            try:
                text = orjson.loads(data)["text"]
            except (ValueError, KeyError, TypeError):
                text = None
            if not isinstance(text, str):
                return Failure("malformed", f"a token event without text: {_shown(data)}")
            turn.tokens.append(now_ns)
            if turn.texts is not None:
                turn.texts.append(text)
            return None
        read = self._readers.get(name)
        if read is None and name != b"completed":
            return None
        document = _document(data)
        if document is None:
            return Failure("malformed", f"a {name.decode()} event that is no JSON object: {_shown(data)}")
        if read is not None:
            return read(turn, document, now_ns)
        self._completed(turn, document, data)
        return None

    def events(self, turn: Turn, name: bytes, found: Sequence[bytes], times_ns: Sequence[int]) -> int:
        """See `Dialect`: tokens, up to one that cannot be understood."""
        if name != b"token":
            return 0
        texts: list[str] = []
        try:
            for data in found:
                text = orjson.loads(data)["text"]
                if not isinstance(text, str):
                    break
                texts.append(text)
        except (ValueError, KeyError, TypeError):
            pass  # that one is for `event` to tell
        turn.tokens.extend(times_ns[: len(texts)])
        if turn.texts is not None:
            turn.texts.extend(texts)
        return len(texts)

    def _started(self, turn: Turn, document: dict[str, Any], _now_ns: int) -> None:
        turn.identify(self._owner(document))
        queued = document.get("queued_ms")
        if isinstance(queued, int | float) and not isinstance(queued, bool) and 0 <= queued < 1e9:
            turn.queued_ns = round(queued * 1e6)

    def _phase(self, turn: Turn, document: dict[str, Any], now_ns: int) -> Failure | None:
        name, state = document.get("name"), document.get("state")
        if not isinstance(name, str) or state not in ("began", "ended"):
            return Failure("malformed", f"a phase event without a name and state: {_shown(orjson.dumps(document))}")
        turn.phase(name[:_LONGEST_NAME], began=state == "began", now_ns=now_ns)
        return None

    def _tool(self, turn: Turn, _document: dict[str, Any], _now_ns: int) -> None:
        turn.tools += 1

    def _error(self, turn: Turn, document: dict[str, Any], _now_ns: int) -> None:
        turn.ended = True
        turn.fault = _service_fault(document.get("kind"), document.get("reason"))


class ChatStream(Dialect):
    """An OpenAI-compatible stream of chat-completion chunks."""

    media, streams, last = "text/event-stream", True, "[DONE]"

    def document(self, operation: AgentOperation, turn: int, *, thread: str | None) -> dict[str, Any]:  # noqa: ARG002
        """See `Dialect`; earlier turns and what was answered to them are said again."""
        said = [] if operation.system is None else [("system", operation.system)]
        for earlier, prompt in enumerate(operation.prompts[:turn]):
            said += [("user", prompt), ("assistant", f"{{{{{ANSWER}{earlier}}}}}")]
        said.append(("user", operation.prompts[turn]))
        messages = [{"role": role, "content": content} for role, content in said]
        made: dict[str, Any] = {"model": self._settings.model, "messages": messages, "stream": True}
        if operation.user is not None:
            made["user"] = operation.user
        return {**made, **operation.body}

    def event(self, turn: Turn, name: bytes, data: bytes, now_ns: int) -> Failure | None:  # noqa: ARG002
        """See `Dialect`."""
        if data == b"[DONE]":
            turn.ended = True
            return None
        document = _document(data)
        if document is None:
            return Failure("malformed", f"an event that is no JSON object: {_shown(data)}")
        error = document.get("error")
        if error is not None:
            turn.ended = True
            told = error if isinstance(error, dict) else {"message": error}
            turn.fault = _service_fault(told.get("type"), told.get("message"))
            return None
        turn.identify(self._owner(document))
        try:
            for choice in document.get("choices") or ():
                _delta(turn, choice["delta"], now_ns)
        except (TypeError, KeyError, AttributeError):
            return Failure("malformed", f"a chunk without choices: {_shown(data)}")
        return None

    def result(self, turn: Turn) -> bytes:
        """See `Dialect`."""
        return turn.text.encode()


def _delta(turn: Turn, delta: dict[str, Any], now_ns: int) -> None:
    """What one chunk adds: a piece of text, or a tool call (which begins with the chunk that has its id)."""
    text = delta.get("content")
    if text:
        turn.tokens.append(now_ns)
        if turn.texts is not None:
            turn.texts.append(str(text))
    calls = delta.get("tool_calls")
    if calls:
        turn.tools += sum(1 for call in calls if call.get("id"))


def dialect(settings: AgentSettings) -> Dialect:
    """The way to talk that the plan chose."""
    known: dict[Api, type[Dialect]] = {"answer": OneAnswer, "stream": EventStream, "openai": ChatStream}
    return known[settings.api](settings)


def _document(data: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _service_fault(kind: object, reason: object) -> Failure:
    """What the service says went wrong; its own time limit is a timeout as much as ours."""
    text = f"the service says {kind or 'error'}: {reason or 'no reason given'}"
    return Failure("timeout" if kind == "timeout" else "agent_error", text)


def _shown(data: bytes) -> str:
    return data[:_SHOWN].decode("utf-8", "replace")
