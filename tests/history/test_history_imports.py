"""The database is imported where it is used, so that nothing else waits for it."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        pytest.param("loadtests.cli.history", id="the command itself, for its help"),
        pytest.param("loadtests.cli.run", id="a run, before its load"),
        pytest.param("loadtests.report.conclusion", id="the end of a run, until it records"),
        pytest.param("loadtests.cli.operands", id="comparisons of directories"),
    ],
)
def test_sqlalchemy_is_not_imported_by(module: str) -> None:
    code = f"import sys, {module}; print('sqlalchemy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=50)
    assert found.stdout == "False\n"
