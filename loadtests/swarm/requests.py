"""Locust's `request` event on our tapes: every request of a locustfile, by method and name as Locust shows them.

A user sends when it is ready to, so a request is due when it is sent, response and service time are the same, and there
is no start lag to speak of.
"""

import time
from collections.abc import Callable
from typing import Any

from loadtests.drive.recorder import Recorder, Tape
from loadtests.result.window import CPU_WARNINGS, NAMES_BEYOND, OFFERED, TASK_ERRORS, UNTIMED
from loadtests.swarm.failures import failure_kind

__all__ = ["MOST_NAMES", "OTHERS", "TASKS", "RequestRecorder"]

MOST_NAMES = 500
"""Operations kept apart; a locustfile that puts ids into names would make a new one for every request."""
OTHERS = "(other names)"
TASKS = "(tasks)"
"""What samples of exceptions in tasks are filed under."""

_LONGEST_NAME = 200


class RequestRecorder:
    """Listens to the events of a Locust environment and records them."""

    def __init__(self, recorder: Recorder, now: Callable[[], int] = time.monotonic_ns) -> None:
        self._recorder, self._now = recorder, now
        self._tapes: dict[tuple[str, str], tuple[Tape, Callable[[int], None]]] = {}
        self._names: set[str] = set()

    def listen(self, events: Any) -> None:
        """Take part in these events from now on."""
        for hook, heard in self._hooks(events):
            hook.add_listener(heard)

    def leave(self, events: Any) -> None:
        """Hear no more of them."""
        for hook, heard in self._hooks(events):
            hook.remove_listener(heard)

    def _hooks(self, events: Any) -> list[tuple[Any, Callable[..., None]]]:
        return [
            (events.request, self.requested),
            (events.user_error, self._task_failed),
            (events.cpu_warning, self._cpu_high),
        ]

    def requested(
        self,
        *,
        request_type: str,
        name: str,
        response_time: float | None,
        exception: object = None,
        response: object = None,
        start_time: float | None = None,
        **_: Any,
    ) -> None:
        """A request has ended. Without a response time it is counted, as nothing but that."""
        now = self._now()
        tape, offered = self._tapes.get((request_type, name)) or self._tape(request_type, name)
        if response_time is None:
            self._recorder.generator(UNTIMED, now, 1)
            return
        taken = round(response_time * 1e6)
        sent = now - taken if start_time is None else now - round((time.time() - start_time) * 1e9)
        offered(sent)
        if not exception:
            tape.ok(sent, sent, sent + taken)
            return
        kind = failure_kind(exception, response)
        tape.failed(kind, sent, sent, sent + taken)
        if self._recorder.wants_sample(tape.name, kind):
            self._recorder.sample(tape.name, kind, sent, _sentence(exception))

    def _tape(self, request_type: str, name: str) -> tuple[Tape, Callable[[int], None]]:
        """The tape of that operation, and what counts its requests."""
        key = request_type, name
        text = " ".join(f"{request_type} {name}".split())[:_LONGEST_NAME]
        if text not in self._names and len(self._names) >= MOST_NAMES:
            self._recorder.generator(NAMES_BEYOND, self._now(), 1)
            tape = self._recorder.tape(OTHERS)
            return tape, tape.counter(OFFERED)
        self._names.add(text)
        tape = self._recorder.tape(text)
        self._tapes[key] = tape, tape.counter(OFFERED)
        return self._tapes[key]

    def _task_failed(self, *, exception: BaseException, **_: Any) -> None:
        now = self._now()
        self._recorder.generator(TASK_ERRORS, now, 1)
        self._recorder.sample(TASKS, "exception", now, _sentence(exception))

    def _cpu_high(self, **_: Any) -> None:
        self._recorder.generator(CPU_WARNINGS, self._now(), 1)


def _sentence(exception: object) -> str:
    if not isinstance(exception, BaseException):
        return str(exception)
    said = str(exception)
    return f"{type(exception).__name__}: {said}" if said else type(exception).__name__
