"""pgbench's scripts and expressions: what they mean, and what is refused with its line."""

import math
import subprocess
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from scipy import stats

from loadtests.plan.chance import uniform
from loadtests.plan.pgbench.builtin import BUILTIN, builtin_script
from loadtests.plan.pgbench.expression import ExpressionError, Scope, parse_expression
from loadtests.plan.pgbench.functions import EvaluationError, Value, written
from loadtests.plan.pgbench.script import Jump, Run, ScriptError, Set, Sleep, parse_script
from loadtests.target.postgres.server import new_server

VARIABLES: dict[str, Value] = {"five": 5, "half": 0.5, "yes": True, "nothing": None}


def draws(seed: int = 1) -> Callable[[], float]:
    numbers = iter(range(10**9))
    return lambda: uniform(seed, next(numbers))


def evaluated(text: str) -> Value:
    """Its value, which is the same where the variables are known beforehand."""
    expression = parse_expression(text)
    value = expression.evaluate(Scope(VARIABLES, draws()))
    assert expression.knowing(VARIABLES)(Scope({}, draws())) in (value, pytest.approx(value, nan_ok=True))
    return value


VALUES = {
    "1 + 2 * 3 - 4 / 2": 5,
    "(1 + 2) * 3": 9,
    "-7 / 2": -3,
    "7 % -3": 1,
    "-7 % 3": -1,
    "7 / 2.0": 3.5,
    ":five + :half": 5.5,
    "1 << 4 | 3 & 2 # 1": 3,
    "~5": -6,
    "- - 3": 3,
    "2 < 3 AND NOT 3 < 2": True,
    "false OR :yes": True,
    "NULL AND false": None,
    "false AND NULL": False,
    "NULL OR 1 = 1": None,
    "1 = 1 OR NULL": True,
    ":nothing IS NULL": True,
    ":five IS NOT NULL": True,
    ":five ISNULL": False,
    ":nothing + 1": None,
    "3 <> 3.0": False,
    "3 != 4": True,
    "CASE WHEN :five > 9 THEN 1 WHEN :five > 4 THEN 2 ELSE 3 END": 2,
    "CASE WHEN false THEN 1 END": None,
    "greatest(1, :five, 3)": 5,
    "least(1.5, 2)": 1.5,
    "mod(54, 32)": 22,
    "int(5.4 + 3.8)": 9,
    "double(5432)": 5432.0,
    "abs(-17)": 17,
    "sqrt(2.0)": math.sqrt(2),
    "pow(2.0, 10)": 1024.0,
    "ln(exp(1))": 1.0,
    "pi()": math.pi,
    "9223372036854775807 - 1": 9223372036854775806,
    "hash_fnv1a(10, 5432)": -7793829335365542153,
    "hash_murmur2(10, 5432)": -5817877081768721676,
    "hash(-5, -7)": 4062023990388290005,
}


@pytest.mark.parametrize(("text", "value"), VALUES.items(), ids=VALUES)
def test_an_expression_has_the_value_that_pgbench_gives_it(text: str, value: Value) -> None:
    """Integers stay integers, null goes through, what is looser binds later."""
    found = evaluated(text)
    assert found == value
    assert type(found) is type(value)


def test_the_values_above_are_those_of_pgbench_itself(tmp_path: Path) -> None:
    """The program from the wheel computes the same, type by type."""
    lines = ["\\set five 5", "\\set half 0.5", "\\set yes true", "\\set nothing null"]
    lines += [f"\\set shown debug({text})" for text in VALUES]
    (tmp_path / "shown.sql").write_text("\n".join([*lines, "SELECT 1;"]))
    with new_server() as server:
        command = [str(server.programs.root / "bin" / "pgbench"), "-n", "-t", "1", "-f", str(tmp_path / "shown.sql")]
        done = subprocess.run([*command, server.dsn("postgres")], capture_output=True, text=True, check=True)
    shown = [line.partition("): ")[2] for line in done.stderr.splitlines() if line.startswith("debug(")]
    assert dict(zip(VALUES, shown, strict=True)) == {text: _as_pgbench_shows(value) for text, value in VALUES.items()}


def _as_pgbench_shows(value: Value) -> str:
    if value is None:
        return "null"
    kind = "boolean" if isinstance(value, bool) else "int" if isinstance(value, int) else "double"
    return f"{kind} {written(value)}"


@pytest.mark.parametrize("text", ["1 / 0", "5 % 0", "9223372036854775807 + 1", "random(3, 1)", ":unknown", "1 + true"])
def test_an_expression_without_a_value_says_so_when_it_is_computed(text: str) -> None:
    """Not before: it may never be."""
    with pytest.raises(EvaluationError):
        evaluated(text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("1 +", "ends too early"),
        ("(1", "ends too early"),
        ("1 2", "unexpected 2"),
        ("rendom(1, 2)", "no function rendom here; did you mean random?"),
        ("random(1)", "random takes 2 arguments, got 1"),
        ("1 ? 2", "unexpected ?"),
        ("5 IS five", "expected NULL, TRUE or FALSE"),
    ],
)
def test_a_text_that_is_no_expression_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text)
    assert fault in str(caught.value)


def test_uniform_numbers_are_uniform_and_within_their_ends() -> None:
    """Chi-squared over the whole range."""
    expression, scope = parse_expression("random(-2, 7)"), Scope({}, draws())
    found = Counter(expression.evaluate(scope) for _ in range(20_000))
    assert set(found) == set(range(-2, 8))
    assert stats.chisquare([found[value] for value in range(-2, 8)]).pvalue > 0.001


def test_skewed_numbers_have_the_laws_of_the_documentation() -> None:
    """Exponential and Gaussian by their densities over slices, Zipf by its ratios."""
    scope, count = Scope({}, draws()), 20_000

    def shares(text: str, values: range) -> list[float]:
        expression = parse_expression(text)
        found = Counter(expression.evaluate(scope) for _ in range(count))
        assert set(found) <= set(values)
        return [found[value] / count for value in values]

    slices, steepness = 10, 2.5
    law = [
        (math.exp(-steepness * at / slices) - math.exp(-steepness * (at + 1) / slices)) / (1 - math.exp(-steepness))
        for at in range(slices)
    ]
    assert shares(f"random_exponential(1, 10, {steepness})", range(1, 11)) == pytest.approx(law, abs=0.012)
    width = 2.5
    phi = [stats.norm.cdf(2 * width * (at / slices - 0.5)) for at in range(slices + 1)]
    law = [(high - low) / (phi[-1] - phi[0]) for low, high in pairwise(phi)]
    assert shares(f"random_gaussian(1, 10, {width})", range(1, 11)) == pytest.approx(law, abs=0.012)
    weights = [at**-1.5 for at in range(1, 21)]
    law = [weight / sum(weights) for weight in weights]
    assert shares("random_zipfian(1, 20, 1.5)", range(1, 21)) == pytest.approx(law, abs=0.012)


@pytest.mark.parametrize(("value", "text"), [(7, "7"), (0.1, "0.1"), (True, "true"), (None, None), (1e20, "1e+20")])
def test_values_become_the_text_of_a_parameter(value: Value, text: str | None) -> None:
    assert written(value) == text


@pytest.mark.parametrize("name", BUILTIN)
def test_the_built_in_scripts_are_read_like_any_other(name: str) -> None:
    found = builtin_script(name)
    assert found.builtin == name
    assert all(set(run.sql.parameters) <= {"aid", "bid", "tid", "delta"} for run in found.statements)


def test_a_script_is_a_program() -> None:
    """Meta-commands over several lines, comments, several statements on one, branches as jumps."""
    found = parse_script(
        "-- a bank\n"
        "\\set a \\\n   random(1, 10)\n"
        "\\if :a > 5\n"
        "  SELECT ';' AS x, :a AS y; SELECT 2 -- not ; here\n;\n"
        "\\elif :a > 2\n"
        "  \\sleep :a us\n"
        "\\else\n"
        "  SELECT 3 AS z \\gset g_\n"
        "  SELECT :g_z;\n"
        "\\endif\n"
    ).commands
    kinds = [type(command) for command in found]
    assert kinds == [Set, Jump, Run, Run, Jump, Jump, Sleep, Jump, Run, Run]
    assert [command.to for command in found if isinstance(command, Jump)] == [5, 10, 8, 10]
    assert [command.sql.text for command in found if isinstance(command, Run)] == [
        "SELECT ';' AS x, $1 AS y",
        "SELECT 2 -- not ; here",
        "SELECT 3 AS z",
        "SELECT $1",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("SELECT 1;\n\\shell date", "line 2: \\shell is not supported"),
        ("\\startpipeline\nSELECT 1;", "line 1: \\startpipeline is not supported"),
        ("\\sett a 1", "line 1: unknown meta-command \\sett"),
        ("\\set a", "line 1: expected \\set name expression"),
        ("\\set a 1 +", "line 1: the expression ends too early"),
        ("SELECT :a;", "line 1: the variable a has no value"),
        ("\\if true\nSELECT 1;", "an \\if has no \\endif"),
        ("SELECT 1;\n\\endif", "line 2: \\endif without \\if"),
        ("\\if true\n\\else\n\\else\n\\endif\nSELECT 1;", "line 3: \\else without \\if, or after \\else"),
        ("\\gset", "line 1: \\gset follows a statement"),
        ("SELECT 1\\; SELECT 2;", "line 1: combined statements"),
        ("\\set a 1", "the script sends no statement"),
        ("SELECT 'open;", "line 1: a quote is not closed"),
        ("\\sleep soon", "line 1"),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_line(text: str, fault: str) -> None:
    with pytest.raises(ScriptError) as caught:
        parse_script(text)
    assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("text", "single"),
    [
        pytest.param("SELECT 1;", True, id="a statement alone"),
        pytest.param("\\set a 5\n\\set b :a * :scale\nSELECT :a, :b;", True, id="computed from what all share"),
        pytest.param("\\set a :client_id\nSELECT :a;", False, id="computed from the client's id"),
        pytest.param("SELECT :client_id;", False, id="with the client's id"),
        pytest.param("\\set scale 5\nSELECT :scale;", False, id="a given variable is set"),
        pytest.param("SELECT 1;\nSELECT 2;", False, id="two statements"),
        pytest.param("SELECT 1;\n\\set a 1", False, id="something comes after it"),
        pytest.param("\\sleep 1 ms\nSELECT 1;", False, id="it sleeps"),
        pytest.param("\\if true\nSELECT 1;\n\\endif", False, id="it branches"),
        pytest.param("SELECT 1 AS a \\gset", False, id="the answer becomes a variable"),
    ],
)
def test_a_script_of_a_single_statement_is_known(text: str, single: bool) -> None:
    assert (parse_script(text).only_statement is not None) is single
