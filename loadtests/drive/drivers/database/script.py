"""pgbench scripts: expressions are computed and statements sent in order, on one session."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loadtests.drive.drivers.database.connection import Connection
from loadtests.drive.drivers.database.dialogue import Dialogue
from loadtests.drive.drivers.database.messages import IDLE, row_values
from loadtests.drive.drivers.database.pool import Pool
from loadtests.drive.drivers.database.statements import Payload, Prepared, step_label
from loadtests.drive.drivers.failure import Failure
from loadtests.plan.chance import Draws, derive_seed
from loadtests.plan.pgbench.expression import Scope
from loadtests.plan.pgbench.functions import EvaluationError, Value, truth, written
from loadtests.plan.pgbench.script import Command, Jump, Run, Set, Sleep
from loadtests.plan.protocol.database import DatabaseOperation, RowCheck

if TYPE_CHECKING:
    from loadtests.drive.drivers.database.driver import DatabaseDriver

__all__ = ["ScriptRun", "computed_payload", "given_variables"]

_DRAWS = 1 << 16
"""Numbers that one execution may draw before it comes to those of the next."""


def given_variables(driver: "DatabaseDriver") -> dict[str, Value]:
    """What scripts find computed; the id of the client is that of the first."""
    seed = driver.scenario.seed
    return {"scale": driver.scale, "client_id": 0, "random_seed": seed, "default_seed": seed}


def computed_payload(prepared: Prepared, sets: Sequence[Command], *, given: Mapping[str, Value], seed: int) -> Payload:
    """What sends a script's only statement, computed anew for each index; raises `EvaluationError`.

    `sets` are the commands before it, each a `Set`, none of a `given` variable.
    """
    draws, variables = Draws(seed), dict(given)
    scope = Scope(variables, draws.draw)
    steps = [(command.name, command.value.knowing(given)) for command in sets if isinstance(command, Set)]
    names = prepared.sql.parameters
    bind = prepared.bind

    def payload(index: int) -> bytes:
        draws.next = index * _DRAWS + 1
        for name, evaluate in steps:
            variables[name] = evaluate(scope)
        values = [variables[name] for name in names]
        return bind([str(value) if type(value) is int else written(value) for value in values])

    return payload


@dataclass(slots=True)
class _State:
    """Where an execution stands: the next command, its variables and draws, and where the present transaction began."""

    draws: Draws
    scope: Scope
    variables: dict[str, Value]
    next: int = 0
    asleep: bool = False
    began: tuple[int, dict[str, Value], int] = field(default_factory=lambda: (0, {}, 0))


class ScriptRun(Dialogue):
    """Executions of a script. A retry begins anew where the transaction began that failed, with the same numbers."""

    def __init__(self, driver: "DatabaseDriver", operation: DatabaseOperation) -> None:
        super().__init__(driver, operation)
        assert operation.script is not None
        self._commands = operation.script.commands
        self._seed, self._clock = derive_seed(driver.scenario.seed, operation.name), driver.clock
        self._given: dict[str, Value] = {}
        self._prepared: dict[int, tuple[Prepared, Callable[[int, int], None]]] = {}
        for at, command in enumerate(self._commands):
            if isinstance(command, Run):
                prepared = driver.statements.add(command.sql, operation.name, check=RowCheck())
                number = len(self._prepared) + 1
                self._prepared[at] = prepared, self.tape.measure(step_label(number, command.sql))

    def join(self, pool: Pool) -> None:
        """See `Flow.join`."""
        super().join(pool)
        self._given = given_variables(self._driver)

    def begin(self, connection: Connection) -> None:
        """See `Flow.begin`."""
        draws = Draws(self._seed)
        draws.next = connection.index * _DRAWS + 1
        given = {**self._given, "client_id": max(0, connection.user)}
        connection.scope = _State(draws, Scope(given, draws.draw), given, began=(0, dict(given), draws.next))
        super().begin(connection)

    def start_over(self, connection: Connection) -> None:
        """See `Dialogue.start_over`."""
        state: _State = connection.scope
        state.next, variables, drawn = state.began
        state.asleep = False
        state.variables.clear()
        state.variables.update(variables)
        state.draws.next = drawn
        now = self._now()
        failure = self._go_on(connection, now)
        if failure is not None:  # in a turn of its own: hundreds that wait and fail at once must not nest
            self._clock.at(now, self._give_up, (connection, state, failure))

    def _give_up(self, failed: tuple[Connection, _State, Failure]) -> None:
        connection, state, failure = failed
        if connection.scope is state and connection.waiting is self:
            self.fail(connection, failure, self._now())

    def heard(self, connection: Connection, now: int) -> Failure | None:
        """See `Dialogue.heard`."""
        state: _State = connection.scope
        answer, command = connection.answer, self._commands[state.next]
        assert isinstance(command, Run)
        prepared, took = self._prepared[state.next]
        took(connection.intended_ns, now - connection.step_ns)
        if command.gset is not None:
            columns = self._driver.statements.gives[prepared.name]
            failure = _taken(state, command.gset, columns, answer.rows)
            if failure is not None:
                return failure
        state.next += 1
        if self._retries and answer.status == IDLE:
            state.began = state.next, dict(state.variables), state.draws.next
        return self._go_on(connection, now)

    def expired(self, connection: Connection) -> None:
        """See `Waiting`; while it sleeps there is nothing to cancel."""
        if connection.scope.asleep:
            connection.scope.asleep = False
            self.expire(connection, cancel=False)
        else:
            super().expired(connection)

    def _go_on(self, connection: Connection, now: int) -> Failure | None:
        """Everything up to the next statement or pause; after the last command the execution succeeds."""
        state: _State = connection.scope
        commands = self._commands
        try:
            while state.next < len(commands):
                command = commands[state.next]
                if isinstance(command, Run):
                    self._send(connection, command, now)
                    return None
                if isinstance(command, Sleep):
                    self._sleep(connection, command, now)
                    return None
                _compute(state, command)
        except EvaluationError as error:
            return Failure("script", str(error))
        self.succeed(connection, now)
        return None

    def _send(self, connection: Connection, command: Run, now: int) -> None:
        state: _State = connection.scope
        try:
            values = [written(state.variables[name]) for name in command.sql.parameters]
        except KeyError as error:
            raise EvaluationError(f"the variable {error.args[0]} has no value") from None
        connection.answer.begin(keep_rows=command.gset is not None)
        connection.step_ns = now
        connection.write(self._prepared[state.next][0].bind(values))

    def _sleep(self, connection: Connection, command: Sleep, now: int) -> None:
        state: _State = connection.scope
        amount = command.amount.evaluate(state.scope)
        if isinstance(amount, bool) or not isinstance(amount, int | float):
            raise EvaluationError(f"cannot sleep {written(amount) or 'null'}")
        state.next += 1
        state.asleep = True
        self._clock.at(now + round(max(0, amount) * command.unit_ns), self._wake, (connection, state))

    def _wake(self, sleeper: tuple[Connection, _State]) -> None:
        connection, state = sleeper
        if not state.asleep or connection.scope is not state or connection.waiting is not self:
            return
        state.asleep = False
        now = self._now()
        failure = self._go_on(connection, now)
        if failure is not None:
            self.fail(connection, failure, now)


def _compute(state: _State, command: Command) -> None:
    if isinstance(command, Set):
        state.variables[command.name] = command.value.evaluate(state.scope)
        state.next += 1
    elif isinstance(command, Jump):
        stays = command.unless is not None and truth(command.unless.evaluate(state.scope))
        state.next = state.next + 1 if stays else command.to


def _taken(state: _State, prefix: str, columns: Sequence[str], rows: Sequence[bytes]) -> Failure | None:
    """The one row of a \\gset as variables: numbers where they look like it."""
    if len(rows) != 1:
        return Failure("script", f"\\gset: expected one row, got {len(rows)}")
    for column, text in zip(columns, row_values(rows[0]), strict=True):
        state.variables[f"{prefix}{column}"] = _read(text)
    return None


def _read(text: str | None) -> Value:
    for kind in (int, float):
        try:
            return text if text is None else kind(text)
        except ValueError:
            continue
    return {"t": True, "f": False}.get(str(text))
