"""A target without a socket: its edge, asked through ASGI."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

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
