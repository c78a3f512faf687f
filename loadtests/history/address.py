"""Where a history is: a SQLite file, or a PostgreSQL database by URL; and how it is named without its password."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from loadtests.errors import HistoryUnusable

__all__ = ["DEFAULT", "Address", "address_of"]

DEFAULT = "reports/history.db"
VARIABLE = "LOADTESTS_HISTORY"

_POSTGRES = frozenset({"postgres", "postgresql", "postgresql+psycopg"})
_HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Address:
    """Either a SQLite `file`, or a `url` as SQLAlchemy takes it, with its password: never shown.

    `shown` is for people.
    """

    shown: str
    file: Path | None = None
    url: str | None = None

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"

    @classmethod
    def of_file(cls, file: Path) -> Self:
        """A SQLite file."""
        return cls(str(file), file)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown of it, in every spelling in which a driver may repeat it."""
        parts = urlsplit(self.url or "")
        found = [parts.password or "", *(value for name, value in parse_qsl(parts.query) if "pass" in name)]
        return tuple({spelled for one in found if one for spelled in (one, unquote(one))})


def address_of(given: str | None, environ: Mapping[str, str] = os.environ) -> Address:
    """The history that `given` (or else `LOADTESTS_HISTORY`, or else the default file) names.

    `sqlite:///FILE`, a bare file name, or `postgresql://user:password@host/database`; `HistoryUnusable` for others.
    """
    text = (given or environ.get(VARIABLE, "") or DEFAULT).strip()
    scheme, separator, rest = text.partition("://")
    if not separator:
        return Address.of_file(Path(text))
    if scheme == "sqlite":
        return Address.of_file(Path(rest.removeprefix("/")))
    if scheme in _POSTGRES:
        return Address(_masked(f"postgresql://{rest}"), url=f"postgresql+psycopg://{rest}")
    raise HistoryUnusable(
        f"{scheme}://…", "expected a file, sqlite:///FILE, or postgresql://USER:PASSWORD@HOST/DATABASE"
    )


def _masked(url: str) -> str:
    parts = urlsplit(url)
    user, separator, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    netloc = f"{name}{':' + _HIDDEN if colon else ''}{separator}{host}"
    query = [(name, _HIDDEN if "pass" in name else value) for name, value in parse_qsl(parts.query)]
    return urlunsplit(parts._replace(netloc=netloc, query=urlencode(query, safe="*/")))
