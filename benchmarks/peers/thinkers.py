"""The users of `benchmarks.peers.users`, as a locustfile: each asks, thinks about half a second, and asks again."""

from locust import FastHttpUser, between, task

__all__ = ["Thinker"]


class Thinker(FastHttpUser):
    """Locust's fastest user, with nothing on top."""

    wait_time = between(0.4, 0.6)

    @task
    def answer(self) -> None:
        """One request."""
        self.client.get("/answer")
