"""The product's own endpoints: sign in, read threads."""

from dataclasses import asdict

from starlette.responses import Response

from loadtests.target.backend import Backend
from loadtests.target.call import Call, Refused, answer
from loadtests.target.database.stored import stored_thread, stored_threads
from loadtests.target.users import parse_user, thread_of, threads_of, tier_of

__all__ = ["login", "thread", "threads"]


async def login(backend: Backend, call: Call) -> Response:
    """POST /api/auth/login {user_id}: a token, and the cookie `session`; 401 for an unknown user."""
    asked = await call.document()
    if "user_id" not in asked:
        raise Refused(422, "user_id: expected a user, such as 42 or user_42 (it is missing)")
    try:
        user = parse_user(asked["user_id"])
    except ValueError as mistake:
        raise Refused(401, f"user_id: {mistake}") from mistake
    call.user_id = f"user_{user}"
    token = backend.tokens.issue(user)
    response = answer(call, {"token": token, "user_id": asked["user_id"], "tier": tier_of(user)})
    response.headers.append("set-cookie", f"session={token}; Path=/; HttpOnly; SameSite=Lax")
    return response


async def threads(backend: Backend, call: Call) -> Response:
    """GET /api/threads: the threads of who asks; 401 without a valid token or cookie."""
    user = _signed_in(backend, call)
    found = threads_of(user) if backend.database is None else await stored_threads(backend.database, user)
    return answer(call, {"user_id": call.user_id, "threads": [asdict(thread) for thread in found]})


async def thread(backend: Backend, call: Call) -> Response:
    """GET /api/threads/{id}: one thread of who asks; 404 for another's."""
    user = _signed_in(backend, call)
    wanted = call.path_params["id"]
    database = backend.database
    found = thread_of(user, wanted) if database is None else await stored_thread(database, user, wanted)
    if found is None:
        raise Refused(404, "no such thread")
    call.thread_id = found.id
    return answer(call, asdict(found))


def _signed_in(backend: Backend, call: Call) -> int:
    """The user of the Bearer token, or of the session cookie when there is no Authorization header."""
    authorization = call.headers.get("authorization")
    if authorization is None:
        token = call.cookies.get("session", "")
    else:
        scheme, _, token = authorization.partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else ""
    user = backend.tokens.user(token)
    if user is None:
        raise Refused(401, "sign in at /api/auth/login first, and send its token as a Bearer token or its cookie")
    call.user_id = f"user_{user}"
    return user
