"""A history that cannot be used says so in one sentence, shows no secret, and is left as it was."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from kept_runs import kept
from sqlalchemy import Connection, inspect, text

from loadtests.errors import HistoryUnusable
from loadtests.history.address import Address, address_of
from loadtests.history.database import connected, engine_of
from loadtests.history.migrations import bring_up_to_date, format_of
from loadtests.history.store import History, Selection


def test_a_file_that_is_no_database_is_refused_and_left_alone(file: Address) -> None:
    """The message says how to begin a new one from the runs that are still there."""
    assert file.file is not None
    file.file.write_text("not a database at all\n" * 100)
    with pytest.raises(HistoryUnusable, match=r"history\.db: it is damaged, or no database .*history add"):
        History.existing(file)
    assert file.file.read_text().startswith("not a database at all\n")


def test_a_damaged_page_is_told_and_nothing_is_written_over_it(file: Address) -> None:
    """As a full disk or a bad copy leaves a file: whole at the start, nonsense further on."""
    assert file.file is not None
    history = History.open(file)
    for number in range(8):
        history.add(kept(number=number))
    size = file.file.stat().st_size
    with file.file.open("r+b") as raw:
        raw.seek(8192)
        raw.write(b"\xa5" * (size - 8192))
    before = file.file.read_bytes()
    with pytest.raises(HistoryUnusable, match="it is damaged, or no database"):
        History.existing(file).runs(Selection())
    assert file.file.read_bytes() == before


def test_a_newer_format_is_refused_and_nothing_lost(address: Address) -> None:
    """An older program must not write into tables it does not know."""
    history, one = History.open(address), kept()
    history.add(one)
    _set_format(address, 2**20)
    with pytest.raises(HistoryUnusable, match="it has format 1048576, and this version of loadtests reads up to 1"):
        History.existing(address)
    _set_format(address, 1)
    assert History.existing(address).run(one.id) == one


def test_an_older_format_is_brought_up_to_date_step_by_step(address: Address) -> None:
    """All steps that are missing, in order, in one transaction; those before it are not run again."""
    done: list[int] = []

    def step(number: int) -> Callable[[Connection], None]:
        def run(connection: Connection) -> None:
            done.append(number)
            connection.execute(text(f"ALTER TABLE loadtests_runs ADD COLUMN further{number} INTEGER"))

        return run

    History.open(address).add(kept())
    engine = engine_of(address)
    with connected(engine, address, writes=True) as connection:
        bring_up_to_date(connection, "", steps={1: step(1), 2: step(2), 3: step(3)}, newest=3)
    with connected(engine, address, writes=False) as connection:
        assert format_of(connection) == 3
        assert connection.execute(text("SELECT further2, further3 FROM loadtests_runs")).all() == [(None, None)]
    assert done == [2, 3]


def test_a_step_that_fails_changes_nothing(address: Address) -> None:
    """Not even what the steps before it did: the version and the tables still agree."""

    def first(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE loadtests_runs ADD COLUMN further INTEGER"))

    def second(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE nowhere ADD COLUMN further INTEGER"))

    one = kept()
    History.open(address).add(one)
    engine = engine_of(address)
    with (
        pytest.raises(HistoryUnusable, match="its tables are not those of a history"),
        connected(engine, address, writes=True) as connection,
    ):
        bring_up_to_date(connection, "", steps={2: first, 3: second}, newest=3)
    with connected(engine, address, writes=False) as connection:
        assert format_of(connection) == 1
        assert "further" not in [column["name"] for column in inspect(connection).get_columns("loadtests_runs")]
    assert History.existing(address).run(one.id) == one


def test_the_database_of_another_program_is_not_written_into(file: Address) -> None:
    """A file name given by mistake does no harm."""
    assert file.file is not None
    with sqlite3.connect(file.file) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()
    with pytest.raises(HistoryUnusable, match=r"it is a database of something else \(it holds a table 'songs'"):
        History.open(file)
    with sqlite3.connect(file.file) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("songs",)]
    connection.close()


def test_a_place_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file stands where the directory should be."""
    (tmp_path / "reports").write_text("")
    with pytest.raises(HistoryUnusable, match=r"reports/history\.db: "):
        History.open(address_of(str(tmp_path / "reports" / "history.db"), {}))


def test_a_database_that_is_not_there_is_told_as_the_server_says_it(postgres: Callable[[], str]) -> None:
    """The server answers, but nobody has made the database; the password stays out of it."""
    url = postgres()
    password = url.split(":")[2].split("@")[0]
    with pytest.raises(HistoryUnusable, match='database "nowhere" does not exist') as caught:
        History.open(address_of(url.rpartition("/")[0] + "/nowhere", {}))
    assert "its tables" not in str(caught.value)
    assert password not in str(caught.value)


def test_old_runs_go_while_another_reads(address: Address) -> None:
    """A reader keeps SQLite from giving the room back, which is no reason to say that the runs are still there."""
    history, one = History.open(address), kept()
    history.add(one)
    with history.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM loadtests_runs")) == 1
        assert history.remove([one.id]) == 1
    assert history.runs(Selection()) == []


def test_a_database_that_does_not_answer_is_told_without_its_password() -> None:
    """Neither the message nor what it came from in the log shows it, in any of its spellings."""
    address = address_of("postgresql://team:s3cret%21@127.0.0.1:1/history?sslpassword=0ther", {})
    with pytest.raises(HistoryUnusable) as caught:
        History.open(address)
    told = f"{caught.value} {address} {address!r}"
    assert "postgresql://team:***@127.0.0.1:1/history?sslpassword=***: " in told
    assert "onnection" in told
    assert not any(secret in told for secret in ("s3cret", "0ther"))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param(None, "reports/history.db", id="the usual place"),
        pytest.param("team.db", "team.db", id="a file"),
        pytest.param("sqlite:///team.db", "team.db", id="a relative file by URL"),
        pytest.param("sqlite:////srv/team.db", "/srv/team.db", id="an absolute file by URL"),
        pytest.param("postgres://u@h/d", "postgresql://u@h/d", id="the other spelling of PostgreSQL"),
        pytest.param("postgresql://u:p@h:5/d", "postgresql://u:***@h:5/d", id="a password is hidden"),
    ],
)
def test_a_history_is_named_without_its_password(given: str | None, shown: str) -> None:
    assert str(address_of(given, {})) == shown


def test_the_environment_names_the_history_unless_the_command_does() -> None:
    environ = {"LOADTESTS_HISTORY": "team.db"}
    assert str(address_of(None, environ)) == "team.db"
    assert str(address_of("mine.db", environ)) == "mine.db"


def test_an_address_of_another_kind_is_refused_without_showing_it() -> None:
    """It may hold a password, wherever that kind keeps one."""
    with pytest.raises(
        HistoryUnusable, match=r"mysql://…: expected a file, sqlite:///FILE, or postgresql://"
    ) as caught:
        address_of("mysql://u:p@h/d", {})
    assert "u:p" not in str(caught.value)


def _set_format(address: Address, version: int) -> None:
    with connected(engine_of(address), address, writes=True) as connection:
        connection.execute(text("UPDATE loadtests_format SET version = :v"), {"v": version})
