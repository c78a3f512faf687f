"""What agents are asked over HTTP: execute a query, complete a chat, tell about the queue; docs/agents.md."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from loadtests.target.agents.chat import completion, read_chat
from loadtests.target.agents.execution import Execution, Failed, silence
from loadtests.target.agents.question import Question, read_question
from loadtests.target.agents.responses import Streamed, spoilt, while_there
from loadtests.target.agents.voices import ChatVoice, EventVoice
from loadtests.target.backend import Backend
from loadtests.target.call import Call, answer

__all__ = ["chat", "execute", "queue_status"]


async def execute(backend: Backend, call: Call) -> Response:
    """POST /api/agent/execute {query, user_id, thread_id?, complexity?, stream?}: the user's savings."""
    question = read_question(await call.document(), stream=_takes_events(call))
    execution = await _begin(backend, call, question)
    if execution.fate == "html":
        return _displaced(backend, execution)
    if question.stream:
        return Streamed(backend.agents, execution, EventVoice())
    if backend.agents.quick(question):
        return _told(backend, call, execution, execution.at_once())
    try:
        result = await _run(backend, call, execution)
    except Failed as failed:
        call.reason = failed.reason
        return answer(call, {"status": "failed", "error": failed.document()}, failed.status)
    return _told(backend, call, execution, result)


async def chat(backend: Backend, call: Call) -> Response:
    """POST /v1/chat/completions {model, messages, stream?, user?}: the same executions as any OpenAI client asks."""
    question, model = read_chat(await call.document())
    execution = await _begin(backend, call, question)
    if execution.fate == "html":
        return _displaced(backend, execution)
    if question.stream:
        return Streamed(backend.agents, execution, ChatVoice(model))
    try:
        result = await _run(backend, call, execution)
    except Failed as failed:
        call.reason = failed.reason
        return answer(call, {"error": {"message": failed.reason, "type": failed.kind}}, failed.status)
    return _told(backend, call, execution, completion(result, model))


async def queue_status(backend: Backend, call: Call) -> Response:
    """GET /api/agent/queue-status: queued, running, completed, failed, timed_out, cancelled, workers and more."""
    return answer(call, backend.agents.status())


async def _begin(backend: Backend, call: Call, question: Question) -> Execution:
    call.user_id, call.thread_id = f"user_{question.user}", question.thread_id
    execution = backend.agents.begin_now(question, call)
    if execution is None:
        execution = await while_there(call.receive, backend.agents.begin(question, call))
    return execution


async def _run(backend: Backend, call: Call, execution: Execution) -> dict[str, Any]:
    return await while_there(call.receive, execution.run(backend.agents.decide(execution), silence))


def _displaced(backend: Backend, execution: Execution) -> Response:
    execution.displaced()
    page = spoilt(backend.agents, "html", None)
    assert page is not None
    return page


def _told(backend: Backend, call: Call, execution: Execution, document: Mapping[str, object]) -> Response:
    return spoilt(backend.agents, execution.fate, document) or answer(call, document)


def _takes_events(call: Call) -> bool:
    """Looked up among the headers as they came: it is asked of every execution."""
    return any(name == b"accept" and b"text/event-stream" in value for name, value in call.scope["headers"])
