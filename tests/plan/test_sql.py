"""SQL as far as a client must understand it: where parameters stand, where statements end, who writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.plan.sql import SqlError, named_sql, numbered_sql, pgbench_sql, split_statements, writes


@pytest.mark.parametrize(
    ("text", "sent", "parameters"),
    [
        ("SELECT {{a}}, {{ b }}, {{a}};", "SELECT $1, $2, $3", ("{{a}}", "{{b}}", "{{a}}")),
        ("SELECT '{}' || {{a}} -- it's", "SELECT '{}' || $1 -- it's", ("{{a}}",)),
        ('SELECT "it\'s" = {{a}} /* {} /* in */ */', 'SELECT "it\'s" = $1 /* {} /* in */ */', ("{{a}}",)),
        ("SELECT $q$ ; ' $q$, E'\\'', {{a}}", "SELECT $q$ ; ' $q$, E'\\'', $1", ("{{a}}",)),
        ("SELECT {{user.id}}::int", "SELECT $1::int", ("{{user.id}}",)),
    ],
)
def test_names_become_parameters_where_sql_takes_one(text: str, sent: str, parameters: tuple[str, ...]) -> None:
    """Each place is a parameter of its own; what is quoted stays."""
    found = named_sql(text)
    assert (found.text, found.parameters) == (sent, parameters)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("SELECT '{{a}}'", "{{a}} does not stand where SQL takes a parameter"),
        ("SELECT 1 -- {{a}}", "{{a}} does not stand where SQL takes a parameter"),
        ("SELECT {{a b}}", "does not stand where SQL takes a parameter"),
        ("SELECT 1; SELECT 2", "expected one statement, got 2"),
        (" -- nothing\n;", "expected an SQL statement"),
        ("SELECT 'open", "a quote is not closed: 'open"),
        ("SELECT /* open", "a comment is not closed"),
        ("SELECT $x$ open", "a dollar quote is not closed"),
        ("SELECT $1", "give what fills it as parameters"),
    ],
)
def test_what_cannot_be_sent_is_said(text: str, fault: str) -> None:
    with pytest.raises(SqlError) as caught:
        named_sql(text)
    assert fault in str(caught.value)


def test_numbered_parameters_are_as_many_as_are_filled() -> None:
    """A number in a text is none."""
    assert numbered_sql("SELECT $1, $2, $1, '$9'", ("a", "b")).parameters == ("a", "b")
    with pytest.raises(SqlError, match="holds \\$1, \\$3, and there are 2 parameters"):
        numbered_sql("SELECT $1, $3", ("a", "b"))


def test_pgbench_writes_names_with_a_colon() -> None:
    """A cast is none, nor is a slice of an array."""
    found = pgbench_sql("SELECT :aid::int, a[1:2], ':no', :b_2")
    assert (found.text, found.parameters) == ("SELECT $1::int, a[1:2], ':no', $2", ("aid", "b_2"))


def test_a_place_in_what_was_sent_is_found_in_what_was_written() -> None:
    """Before, at, between and after the parameters."""
    found = named_sql("SELECT {{first}} + a, {{b}} FROM nowhere")
    for word in ("SELECT", "+ a", "FROM", "nowhere"):
        assert found.written[found.written_at(found.text.index(word)) :].startswith(word)
    assert found.written_at(found.text.index("$2")) == found.written.index("{{b}}")


@given(st.lists(st.sampled_from(["SELECT ';'", "SELECT $$;$$ -- ;\n", '"a;b"', "/*;*/ x", "'it''s;'"]), min_size=1))
def test_semicolons_divide_statements_and_nothing_else_does(parts: list[str]) -> None:
    """Whatever stands between is one statement each."""
    text = " ;\n".join(parts)
    found = split_statements(text)
    assert [piece for _, piece in found] == [part.strip() for part in parts]
    assert all(text.startswith(piece, at) for at, piece in found)


@pytest.mark.parametrize(
    ("text", "does"),
    [
        ("SELECT 1", False),
        ("  -- update\n select 'insert'", False),
        ('SELECT "update" FROM t', False),
        ("WITH x AS (SELECT 1) SELECT * FROM x", False),
        ("COPY t TO STDOUT", False),
        ("insert INTO t VALUES (1)", True),
        ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", True),
        ("SELECT * FROM t FOR NO KEY UPDATE", True),
        ("COPY t FROM STDIN", True),
        ("TRUNCATE t", True),
    ],
)
def test_who_writes_is_told_by_the_words(text: str, *, does: bool) -> None:
    """As far as a read-only server would mind."""
    assert writes(text) is does
