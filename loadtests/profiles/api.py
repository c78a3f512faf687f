"""The guide's API test, a locustfile for stock Locust:

    locust -f loadtests/profiles/api.py --host http://127.0.0.1:8080 -u 1000 -r 100 -t 5m --headless

Locust runs it as it runs any other; the run directory, the verdict and the exit code are ours. The scenario `api-users`
of `scenarios.yaml` is the same users by our own driver (`benchmarks/peers` has both side by side).
"""

import random

from locust import FastHttpUser, between, task

from loadtests.swarm import plain

__all__ = ["THRESHOLDS", "ApiUser"]

THRESHOLDS = (
    "success >= 99% [LOAD-API]",
    "p50 < 200ms [BASE-P50]",
    "p95 < 1s [BASE-P95]",
    "p99 < 2s [BASE-P99]",
)
USERS = 10_000

plain.install(thresholds=THRESHOLDS)


class ApiUser(FastHttpUser):
    """Asks for the health of the API three times as often as it has an agent do something; thinks about a second."""

    wait_time = between(0.5, 1.5)

    @task(3)
    def health(self) -> None:
        """Good is status 200."""
        self.client.get("/health")

    @task(1)
    def execute(self) -> None:
        """Good is a completed answer for the user who asked."""
        user = str(random.randint(1, USERS))
        asked = {"query": f"reduce cost for {user}", "user_id": user}
        with self.client.post("/api/agent/execute", json=asked, catch_response=True) as answer:
            if answer.status_code != 200:
                return  # Locust has noted the failure
            said = answer.json()
            if (said.get("status"), said.get("user_id")) != ("completed", user):
                answer.failure(f"expected completed for {user}, got {said.get('status')} for {said.get('user_id')}")
