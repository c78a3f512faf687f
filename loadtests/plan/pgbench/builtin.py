"""The scripts that are built into pgbench, word for word as `pgbench --show-script` prints them."""

from dataclasses import replace

from loadtests.plan.pgbench.script import Script, parse_script

__all__ = ["BUILTIN", "builtin_script"]

_DRAWN = """\\set aid random(1, 100000 * :scale)
\\set bid random(1, 1 * :scale)
\\set tid random(1, 10 * :scale)
\\set delta random(-5000, 5000)
"""
_ACCOUNT = """UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
"""
_HISTORY = (
    "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);\n"
)

BUILTIN = {
    "tpcb-like": f"""{_DRAWN}BEGIN;
{_ACCOUNT}UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;
{_HISTORY}END;
""",
    "simple-update": f"""{_DRAWN}BEGIN;
{_ACCOUNT}{_HISTORY}END;
""",
    "select-only": """\\set aid random(1, 100000 * :scale)
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
""",
}
"""Their text by name."""


def builtin_script(name: str) -> Script:
    """The script of that name in `BUILTIN`."""
    return replace(parse_script(BUILTIN[name]), builtin=name)
