"""One execution, from its worker to its end: phases, then a report that the provider writes token by token.

    run ▸ started ▸ (phase began ▸ tools, time ▸ phase ended) × 3 ▸ report began ▸ token … ▸ report ended ▸ completed

Each phase is due at an instant that follows from the beginning and the dialled times alone. A client that went away
cancels its execution. However it ends, its worker is released and the ledger knows.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

from loadtests.target.agents.dial import Decided
from loadtests.target.agents.ledger import Outcome, Run
from loadtests.target.agents.pace import PHASES
from loadtests.target.agents.question import Complexity, Question
from loadtests.target.provider.client import ProviderFailed
from loadtests.target.provider.stub import MODEL

if TYPE_CHECKING:
    from loadtests.target.agents.service import Agents

__all__ = ["Event", "Execution", "Failed", "Severed", "Tell", "silence"]

Event = Literal["started", "phase", "tool", "token", "completed"]
Tell = Callable[[Event, dict[str, object]], Awaitable[None]]
Kind = Literal["timeout", "provider", "internal"]
_STATUS: dict[Kind, int] = {"timeout": 504, "provider": 502, "internal": 500}


class Failed(Exception):
    """The execution has no result, for a reason of the backend's."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(kind, reason)
        self.kind: Kind = kind
        self.reason = reason

    @property
    def status(self) -> int:
        """The HTTP status that says so."""
        return _STATUS[self.kind]

    def document(self) -> dict[str, object]:
        """As it is told."""
        return {"kind": self.kind, "reason": self.reason}


class Severed(Exception):
    """The fault dial cuts the client off; raised by who is told."""


async def silence(_event: Event, _about: dict[str, object]) -> None:
    """Told by an execution of which only the result is wanted."""


class Execution:
    """A question with a worker, which one call of `at_once`, `series`, `run` or `displaced` gives back."""

    __slots__ = (
        "_agents",
        "_began_ns",
        "_first_ns",
        "_over",
        "_phase_ns",
        "_run",
        "_text",
        "complexity",
        "fate",
    )

    def __init__(self, agents: "Agents", question: Question, run: Run, *, fate: str | None) -> None:
        self._agents = agents
        self._run = run
        self.fate = fate
        self.complexity: Complexity = question.complexity or "simple"
        self._began_ns = self._phase_ns = time.monotonic_ns()
        self._text: list[str] = []
        self._first_ns: int | None = None
        self._over = False

    def at_once(self) -> dict[str, object]:
        """The result of an execution that takes no time."""
        self._complete()
        return self._run.result.document()

    def series(self) -> list[tuple[Event, dict[str, object]]]:
        """The same as the events it would be told in."""
        phases = (("phase", {"name": name, "state": state}) for name in PHASES for state in ("began", "ended"))
        return [("started", self._started()), *phases, ("completed", self.at_once())]  # type: ignore[list-item]

    async def run(self, decided: Decided, tell: Tell) -> dict[str, object]:
        """The result after all phases, telling each step; raises `Failed`, and what `tell` raises."""
        task = asyncio.current_task()
        assert task is not None
        self._agents.under_way.add(task)
        try:
            async with asyncio.timeout(decided.limit_ns / 1e9):
                return await self._work(decided, tell)
        except TimeoutError:
            self._end("timed_out", reason := f"it took longer than {decided.limit_ns / 1e9:g} s")
            raise Failed("timeout", reason) from None
        except ProviderFailed as failed:
            if self.fate == "provider":
                self._agents.came_about("provider")
            self._end("failed", str(failed))
            raise Failed("provider", str(failed)) from failed
        except asyncio.CancelledError:
            if not self._agents.stopping:
                self._end("cancelled", "the client went away")
                raise
            task.uncancel()
            self._end("failed", "the server stops")
            raise Failed("internal", "the server stops") from None
        except Severed:
            self._end("cancelled", "the fault dial cut it off")
            raise
        except BaseException as error:
            self._end("failed", f"{error!r:.80}")
            raise
        finally:
            self._agents.under_way.discard(task)

    def displaced(self) -> None:
        """Something else was answered in its place, and it has not run."""
        self._end("failed", "the fault dial answered in its place")

    # Inside

    async def _work(self, decided: Decided, tell: Tell) -> dict[str, object]:
        await tell("started", self._started())
        due_ns = self._began_ns
        for name, takes_ns in zip(PHASES, decided.phases_ns, strict=False):
            due_ns += takes_ns
            await self._phase(name, due_ns, decided.pace.tools if name == "data" else (), tell)
        await self._report(decided, tell)
        self._complete()
        document = self._document()
        await tell("completed", document)
        return document

    async def _phase(self, name: str, due_ns: int, tools: tuple[str, ...], tell: Tell) -> None:
        await tell("phase", {"name": name, "state": "began"})
        for tool in tools:
            await tell("tool", {"name": tool})
        await self._agents.until(due_ns)
        await self._ended(name, tell)

    async def _report(self, decided: Decided, tell: Tell) -> None:
        await tell("phase", {"name": "report", "state": "began"})
        asked_ns, whole = time.monotonic_ns(), False
        try:
            await self._write(decided, tell)
            whole = True
        finally:
            first_ns = None if self._first_ns is None else self._first_ns - asked_ns
            self._agents.ledger.provided(self._run, first_ns, whole=whole)
        await self._ended("report", tell)

    async def _write(self, decided: Decided, tell: Tell) -> None:
        """The report, token by token."""
        run, kept = self._run, decided.pace.tokens
        ids = {"trace_id": run.asker.trace_id, "span_id": secrets.token_hex(8)}
        async with self._agents.provider.completion(self._asked(decided), **ids) as stream:
            if self.fate in ("hang", "endless"):
                self._agents.came_about(self.fate)
            while (token := await stream.token()) is not None:
                if not run.tokens:
                    self._first_ns = time.monotonic_ns()
                run.tokens += 1
                if run.tokens <= kept:
                    self._text.append(token)
                await tell("token", {"text": token})

    async def _ended(self, name: str, tell: Tell) -> None:
        """Each phase takes from the end of the one before, so that together they are the whole."""
        now_ns = time.monotonic_ns()
        took_ns, self._phase_ns = now_ns - self._phase_ns, now_ns
        self._run.phases_ns[name] = took_ns
        self._agents.ledger.phase(name, took_ns)
        await tell("phase", {"name": name, "state": "ended"})

    def _asked(self, decided: Decided) -> dict[str, object]:
        system = {"role": "system", "content": "Report what was found, in the words given, and explain it."}
        user = {"role": "user", "content": self._run.result.sentence()}
        return {
            "model": MODEL,
            "messages": [system, user],
            "stream": True,
            "max_tokens": decided.pace.tokens,
            "dialled": decided.provider.document(),
        }

    def _started(self) -> dict[str, object]:
        run = self._run
        return {
            "run_id": run.result.run_id,
            "user_id": run.result.written,
            "queued_ms": round(run.queued_ns / 1e6, 3),
        }

    def _document(self) -> dict[str, object]:
        run = self._run
        return run.result.document() | {
            "complexity": self.complexity,
            "text": "".join(self._text).rstrip(),
            "tokens": run.tokens,
            "queued_ms": round(run.queued_ns / 1e6, 3),
            "duration_ms": round(run.duration_ns / 1e6, 3),
            "phases": {name: round(ns / 1e9, 6) for name, ns in run.phases_ns.items()},
        }

    def _complete(self) -> None:
        self._release()
        if self.fate in ("wrong", "mixup"):
            self._agents.came_about(self.fate)
        self._agents.ledger.completed(self._run)

    def _end(self, outcome: Outcome, reason: str) -> None:
        """Unless it has its result, and only could not tell."""
        if not self._over:
            self._release()
            self._agents.ledger.ended(self._run, outcome, reason)

    def _release(self) -> None:
        self._over = True
        self._run.duration_ns = time.monotonic_ns() - self._began_ns
        self._agents.workers.release(self._run.duration_ns)
