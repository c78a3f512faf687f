"""Options that several commands share."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from loadtests.history.address import Address

__all__ = ["MOMENT", "address", "database_option"]

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
