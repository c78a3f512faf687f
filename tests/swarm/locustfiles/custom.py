"""Users of no protocol: they fire `request` themselves, as custom clients do, and keep their own count of it."""

import json
import os
import time
from collections import Counter
from pathlib import Path

import gevent
from locust import LoadTestShape, User, constant, events, tag, task


class Base(User):
    """Fires a request of a known length."""

    abstract = True
    wait_time = constant(0.02)

    def fire(self, name: str, length_s: float, exception: Exception | None = None) -> None:
        started = time.time()
        gevent.sleep(length_s)
        taken = (time.time() - started) * 1000
        events.request.fire(
            request_type="RPC",
            name=name,
            response_time=taken,
            response_length=0,
            exception=exception,
            context={},
            start_time=started,
        )


class Caller(Base):
    """Calls, some of it tagged."""

    @tag("quick")
    @task(2)
    def quick(self) -> None:
        self.fire("quick", 0.005)

    @tag("slow")
    @task
    def slow(self) -> None:
        self.fire("slow", 0.05, ConnectionResetError("reset"))


class Lonely(Base):
    """There is one of it, however many users."""

    fixed_count = 1

    @tag("quick")
    @task
    def alone(self) -> None:
        self.fire("alone", 0.01)

    @tag("quick")
    @task
    def wrong(self) -> None:
        raise KeyError("token")


if os.environ.get("SHAPED"):

    class Steps(LoadTestShape):
        """Four users, then six, then the end."""

        def tick(self) -> tuple[int, float] | None:
            if self.get_run_time() < 0.5:
                return 4, 100
            return (6, 100) if self.get_run_time() < 30 else None


FIRED: Counter[str] = Counter()


@events.request.add_listener
def count(name, **_):  # type: ignore[no-untyped-def]
    """What was fired, by this file's own count."""
    FIRED[name] += 1


@events.quitting.add_listener
def write(**_):  # type: ignore[no-untyped-def]
    """The count, one line a process."""
    with Path(os.environ["COUNTED"]).open("a") as file:
        file.write(json.dumps(FIRED) + "\n")
