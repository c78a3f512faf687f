"""Locust's fastest user on the peers' work. Run by Locust itself, in a process of its own."""

from argparse import Namespace
from typing import Any

from locust import FastHttpUser, constant, events, task


def _add_options(parser: Any) -> None:
    parser.add_argument("--path", default="/hello", help="what to ask for")


events.init_command_line_parser.add_listener(_add_options)


class Asker(FastHttpUser):
    """Asks again as soon as it is answered."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """Read the option once."""
        options: Namespace = self.environment.parsed_options
        self.path = options.path

    @task
    def ask(self) -> None:
        """One request."""
        self.client.get(self.path)
