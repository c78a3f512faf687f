"""The database on the page and in every format: what the server said of itself while it was loaded."""

import io
import json
from dataclasses import replace

import jsonschema
import made_verdicts as made
import pytest

from loadtests.judge.verdict import Outcome, Verdict
from loadtests.plan.protocol.database import DatabaseOperation, Statement
from loadtests.plan.sql import named_sql
from loadtests.report import FORMATS, page_of, print_verdict
from loadtests.report.database import DatabaseFacts
from loadtests.report.drawings import charts_of
from loadtests.report.jsondoc import schema_text
from loadtests.result.database import Blocker, DatabaseNotes, StatementUse
from loadtests.result.run import ResourceSample
from loadtests.result.window import POOL_BUSY, POOL_OPEN, Tally

LOOK = {
    "sessions_active": 3.0, "sessions_idle": 17.0, "sessions_idle_in_transaction": 0.0, "sessions_other": 0.0,
    "commits": 5000.0, "rollbacks": 1.0, "blocks_hit": 900.0, "blocks_read": 100.0, "deadlocks": 0.0,
    "temp_files": 0.0, "temp_bytes": 0.0, "wal_bytes": 1e6, "checkpoints_timed": 0.0, "checkpoints_requested": 0.0,
    "lock_waiting": 0.0, "lock_longest_s": 0.0,
}  # fmt: skip
WAITS = {
    "lock_waits": 5.0, "lock_wait_total_s": 10.0, "lock_wait_max_s": 3.0,
    "lock_waits.ShareLock": 1.0, "lock_wait_total_s.ShareLock": 1.0, "lock_wait_max_s.ShareLock": 1.0,
    "lock_waits.AccessShareLock": 4.0, "lock_wait_total_s.AccessShareLock": 9.0, "lock_wait_max_s.AccessShareLock": 3.0,
}  # fmt: skip
NOTES = DatabaseNotes(
    (StatementUse("SELECT <b> FROM users WHERE id = $1", 1000, 2.0, 0.5, 1000, 99, 1),),
    (Blocker(12.5, "AccessShareLock", "users", "maintenance", "idle in transaction", "LOCK TABLE users"),),
)


def database(*, asked: bool = True, notes: DatabaseNotes = NOTES) -> Verdict:
    """A run of twenty seconds on a database, half of its pool in use."""
    operation = DatabaseOperation("get", statements=(Statement(named_sql("SELECT 1")),))
    run = made.scenario_run(replace(made.scenario(), driver="database", operations=(operation,)))
    pool = Tally({POOL_BUSY: 5 * 10**9, POOL_OPEN: 10 * 10**9})
    windows = tuple(replace(one, generator=Tally.merge([one.generator, pool])) for one in run.windows)
    samples = [ResourceSample("api", at + 0.5, "database", LOOK) for at in range(20)]
    samples += [ResourceSample("api", at + 0.5, "target", {"pool": 0.2}) for at in range(20)]
    samples.append(ResourceSample("api", 12.0, "database", WAITS))
    late = ResourceSample("api", 20.5, "database", {**LOOK, "deadlocks": 2.0})
    resources = (*samples, late) if asked else ()
    return made.verdict(Outcome.PASS, run=replace(run, windows=windows, resources=resources, notes=notes))


def block(verdict: Verdict) -> DatabaseFacts:
    found = [one for one in page_of(verdict).scenarios[0].blocks if one.key == "database"]
    assert isinstance(found[0], DatabaseFacts)
    return found[0]


def test_sums_waits_and_shares_are_of_the_judged_interval_deadlocks_of_the_whole_run() -> None:
    """What was told after the end is a deadlock all the same."""
    found = block(database())
    assert found.own_pool.value == pytest.approx(0.5)
    assert (found.sessions_mean.value, found.sessions_max.value) == (pytest.approx(0.2), pytest.approx(0.2))
    assert (found.waits.value, found.wait_mean.value, found.wait_longest.value) == (5, 2000.0, 3000.0)
    assert found.deadlocks.value == 2
    assert found.cache_hits.value == pytest.approx(0.9)


def test_the_mode_that_cost_most_comes_first() -> None:
    assert [(one.mode, one.waits.value) for one in block(database()).modes] == [
        ("AccessShareLock", 4),
        ("ShareLock", 1),
    ]


def test_the_terminal_names_the_wait_and_who_stood_in_the_way() -> None:
    """In three lines."""
    stream = io.StringIO()
    print_verdict(database(), stream=stream)
    text = " ".join(stream.getvalue().split())
    assert "5 waits, mean 2 s, longest 3 s; 2 deadlocks" in text
    assert "AccessShareLock on users behind maintenance (idle in transaction): LOCK TABLE users" in text


def test_a_server_that_could_not_be_asked_is_said_to_be() -> None:
    """Its figures are absent, not zero."""
    found = block(database(asked=False, notes=DatabaseNotes()))
    assert (found.deadlocks.value, found.cache_hits.value) == (None, None)
    assert "could not be asked" in found.lines[0].text
    assert "could not be asked" in FORMATS["html"].render(page_of(database(asked=False, notes=DatabaseNotes())))


def test_html_shows_statements_as_text_and_the_charts_over_time() -> None:
    """Nothing of a statement becomes markup; sessions, waits, transactions and the pool are drawn."""
    page = page_of(database())
    html = FORMATS["html"].render(page)
    assert "SELECT &lt;b&gt; FROM users" in html
    titles = [chart.title for chart in charts_of(page.scenarios[0])]
    assert "Pool of connections in use" in titles
    assert "Longest wait for a lock in progress" in titles


def test_every_format_has_it_and_the_document_fits_its_schema() -> None:
    """By names that do not change."""
    for verdict in (database(), database(asked=False, notes=DatabaseNotes())):
        document = json.loads(FORMATS["json"].render(page_of(verdict)))
        jsonschema.validate(document, json.loads(schema_text()))
    found = json.loads(FORMATS["json"].render(page_of(database())))["scenarios"][0]["database"]
    assert found["lock_waits"]["modes"]["AccessShareLock"] == {"waits": 4, "mean_ms": 2250.0, "max_ms": 3000.0}
    assert found["statements"][0]["mean_ms"] == pytest.approx(2.0)
    assert found["blockers"][0]["application"] == "maintenance"
    assert "AccessShareLock" in FORMATS["markdown"].render(page_of(database()))


def test_other_drivers_have_none() -> None:
    document = json.loads(FORMATS["json"].render(page_of(made.every()["websocket"])))
    assert document["scenarios"][0]["database"] is None


def test_what_the_database_says_of_itself_is_in_no_other_table() -> None:
    """Its raw figures would drown the target's."""
    names = {row.name for row in page_of(database()).scenarios[0].resources}
    assert names == {"pool"}
