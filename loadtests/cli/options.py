"""Options that several commands share."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from loadtests.history.address import Address

__all__ = ["MOMENT", "address", "database_option", "plan_options"]

_AGES = {"h": 1, "d": 24, "w": 24 * 7}


class _Moment(click.ParamType[datetime]):
    """`2026-01-31`, a full ISO 8601 moment (UTC unless it says otherwise), or an age such as `30d`."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        if text[:-1].isdecimal() and text[-1:] in _AGES:
            return datetime.now(UTC) - timedelta(hours=int(text[:-1]) * _AGES[text[-1]])
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"expected a day such as 2026-01-31, or an age such as 12h, 30d or 8w (got {text})", param, ctx)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found


MOMENT = _Moment()


_PLAN = {
    "file": click.option(
        "-f",
        "--file",
        "file",
        type=click.Path(path_type=Path),
        default=Path("scenarios.yaml"),
        show_default=True,
        help="The plan file.",
    ),
    "embedded": click.option("--embedded", is_flag=True, help="Start the embedded reference backend and load that."),
    "target_options": click.option(
        "--target-option",
        "target_options",
        multiple=True,
        metavar="OPTION",
        help="With --embedded: an option of `loadtests target`, such as --errors=2%.",
    ),
    "overrides": click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="PATH=VALUE",
        help="Override a value of the plan, such as scenarios.api.load.rate=500/s.",
    ),
    "processes": click.option(
        "--processes",
        type=click.IntRange(1, 64),
        default=1,
        show_default=True,
        help="Engine processes to share the load.",
    ),
}


def plan_options(*names: str) -> "Callable[[Callable[..., Any]], Callable[..., Any]]":
    """The options that say which plan is run and how, by the names of their parameters; all of them without a name."""

    def add(command: "Callable[..., Any]") -> "Callable[..., Any]":
        for name in reversed(names or tuple(_PLAN)):
            command = _PLAN[name](command)
        return command

    return add


def database_option(command: "Callable[..., Any]") -> "Callable[..., Any]":
    """`--database`: which history."""
    return click.option(
        "--database",
        metavar="ADDRESS",
        help="The history: a SQLite file, or postgresql://USER:PASSWORD@HOST/DATABASE.  "
        "[default: $LOADTESTS_HISTORY, or reports/history.db]",
    )(command)


def address(given: str | None) -> "Address":
    """The history that the option, the environment or the default names."""
    from loadtests.history.address import address_of

    return address_of(given)
