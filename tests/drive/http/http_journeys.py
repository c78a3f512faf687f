"""Journeys that tests name as `http_journeys:function`."""

import asyncio

from loadtests.drive.drivers.http import Check, StepFailed, User

notes: list[object] = []


async def shop(user: User) -> None:
    """Two requests, the second with what the first gave."""
    answer = await user.get("/login", name="login", headers={"X-User": user.data["user"]})
    user.variables["token"] = answer.json()["token"]
    await user.think(0.02)
    made = await user.post(
        "/cart", name="add", json={"{{item}}": 7}, check=Check(status=(201,), contains=("{{token}}",))
    )
    notes.append((user.id, user.index, answer.headers["x-kind"], made.status, made.text, made.url))


async def everything(user: User) -> None:
    """Each method, body and option once."""
    await user.put("/put", form={"a": "b c"})
    await user.patch("/patch", data="text", headers={"Content-Type": "x/y"})
    await user.delete("/delete", data=b"\x00")
    answer = await user.head("/head", redirects=1)
    notes.append((answer.status, answer.body, answer.headers["content-length"]))
    await user.request("options", "/options", name="any", check=None)


async def judged(user: User) -> None:
    user.fail("the answer is not forty-two")


async def broken(user: User) -> None:
    await user.get("/")
    raise KeyError("no such thing")


async def forgiving(user: User) -> None:
    """A failing request that the journey expects."""
    try:
        await user.get("/missing", name="missing")
    except StepFailed as failed:
        notes.append((failed.kind, failed.reason))
    await user.get("/", name="home")


async def stopping(user: User) -> None:
    await user.get("/missing", name="missing")
    await user.get("/never", name="never")


async def impatient(user: User) -> None:
    """Gives a request up by its own timer, and makes the next."""
    try:
        await asyncio.wait_for(user.get("/slow", name="slow"), 0.02)
    except TimeoutError:
        await user.get("/", name="home")


async def late(user: User) -> None:
    await user.get("/slow", name="slow", timeout_s=0.03)


async def waiting(user: User) -> None:
    await user.get("/", name="home")
    await user.think(60)


async def stubborn(user: User) -> None:
    """Will not be cut off."""
    try:
        await user.think(60)
    except asyncio.CancelledError:
        await user.get("/after the end", name="after")


async def many_names(user: User) -> None:
    for item in range(250):
        await user.get(f"/items/{item}")


async def nowhere(user: User) -> None:
    await user.get("http://0.0.0.0:9/", name="outside")


async def quitting(user: User) -> None:
    raise SystemExit(3)


async def cancelling(user: User) -> None:
    raise asyncio.CancelledError


def plain(user: User) -> None:
    """No async function."""


class Shop:
    @staticmethod
    async def visit(user: User) -> None:
        await user.get("/")
