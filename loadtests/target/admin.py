"""What operators do: clear the agent queue, turn the fault dial. Open to whoever reaches the port."""

from starlette.responses import Response

from loadtests.target.backend import Backend, turn_dial
from loadtests.target.call import Call, Refused, answer
from loadtests.target.faults import NO_FAULTS, Faults, parse_faults
from loadtests.target.logs import Category

__all__ = ["clear_agent_queue", "clear_faults", "put_faults", "show_faults"]


async def clear_agent_queue(backend: Backend, call: Call) -> Response:
    """POST /api/admin/clear-agent-queue: how many executions were dropped."""
    return answer(call, {"cleared": backend.agents.clear()})


async def show_faults(backend: Backend, call: Call) -> Response:
    """GET /api/admin/faults: the setting, and how many requests it has answered, failed and reset."""
    return answer(call, await _document(backend))


async def put_faults(backend: Backend, call: Call) -> Response:
    """PUT /api/admin/faults: replace the whole setting and count anew; ignores `counted`, so GET round-trips."""
    asked = await call.document()
    asked.pop("counted", None)
    try:
        faults = parse_faults(asked)
    except ValueError as mistake:
        raise Refused(422, str(mistake)) from mistake
    return await _turn(backend, call, faults)


async def clear_faults(backend: Backend, call: Call) -> Response:
    """DELETE /api/admin/faults: everything off."""
    return await _turn(backend, call, NO_FAULTS)


async def _turn(backend: Backend, call: Call, faults: Faults) -> Response:
    try:
        await turn_dial(backend, faults)
    except ValueError as mistake:
        raise Refused(422, f"database: {mistake}") from mistake
    document = await _document(backend)
    backend.log.event(
        Category.SYSTEM, "fault dial turned", component="admin", trace_id=call.trace_id, metadata={"faults": document}
    )
    return answer(call, document)


async def _document(backend: Backend) -> dict[str, object]:
    document = backend.dial.document()
    if backend.database is not None and backend.dial.faults.database is not None:
        assert isinstance(document["counted"], dict)
        document["counted"]["database"] = await backend.database.dial.document()
    return document
