"""A target without a socket, its edge asked through ASGI; and one in a process of its own."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
from served import Target

from loadtests.target.app import Edge
from loadtests.target.backend import Backend, new_backend

Ask = Callable[..., httpx.Response]


@pytest.fixture
def backend() -> Backend:
    """A backend with nothing counted yet and no log."""
    return new_backend()


@pytest.fixture
def ask(backend: Backend) -> Ask:
    """Ask the backend one thing: ask("GET", "/health", headers=...)."""
    return _asker(backend)


@pytest.fixture
def ask_of() -> Callable[[Backend], Ask]:
    """The same for a backend of the test's own: ask_of(backend)("GET", "/health")."""
    return _asker


def _asker(backend: Backend) -> Ask:

    def ask(method: str, url: str, **rest: object) -> httpx.Response:
        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(Edge(backend))
            async with httpx.AsyncClient(transport=transport, base_url="http://target") as client:
                return await client.request(method, url, **rest)

        return asyncio.run(exchange())

    return ask


@pytest.fixture(scope="module")
def shared() -> Iterator[Target]:
    """One process for the tests of this file."""
    target = Target()
    yield target
    target.end()


@pytest.fixture
def target(shared: Target) -> Target:
    """The shared process with nothing dialled."""
    shared.http.delete("/api/admin/faults")
    return shared


@pytest.fixture
def start() -> Iterator[Callable[..., Target]]:
    """A process of the test's own."""
    with ExitStack() as stack:

        def start(*arguments: str) -> Target:
            own = Target(*arguments)
            stack.callback(own.end)
            return own

        yield start
