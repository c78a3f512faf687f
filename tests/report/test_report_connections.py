"""Held connections on the page and in every format: how many were made and lost, why, and what came over them."""

import io
import json

import made_verdicts as made
import pytest

from loadtests.judge.verdict import Outcome
from loadtests.report import FORMATS, page_of, print_verdict
from loadtests.report.connections import cause_in_words
from loadtests.report.drawings import charts_of
from loadtests.result.window import CONNECTIONS, Tally, Window


def page_of_kind(kind):
    return page_of(made.every()[kind])


def document(kind):
    return json.loads(FORMATS["json"].render(page_of_kind(kind)))


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        pytest.param("close_1001", "close 1001 going away", id="a close code by its name"),
        pytest.param("close_4321", "close 4321", id="a code of the application has none"),
        pytest.param("ping_timeout", "no pong in time", id="half open"),
        pytest.param("eof", "ended without a close frame", id="ended"),
        pytest.param("something_new", "something new", id="a cause nobody thought of, as it is"),
    ],
)
def test_causes_are_said_in_words(cause, words):
    assert cause_in_words(cause) == words


def test_counts_are_of_the_whole_run_and_pushes_of_the_steady_interval():
    """The ramp made all of them; a push of the ramp does not count."""
    found = page_of_kind("websocket").scenarios[0].blocks[0]
    assert (found.attempts.value, found.established.value, found.failed.value, found.lost.value) == (500, 497, 3, 7)
    assert found.drop_share.value == pytest.approx(7 / 497)
    assert {name: number.value for name, number in found.dropped.items()} == {
        "close 1001 going away": 4,
        "no pong in time": 2,
        "reset by the peer": 1,
    }
    assert (found.connect.samples, found.ping.samples, found.pushes_received.value) == (497, 750, 750)


def test_connections_are_no_operation():
    assert [row.name for row in page_of_kind("websocket").scenarios[0].operations] == ["echo", "broadcast"]


def test_the_json_document_has_them_by_recorded_name():
    """Causes as keys that do not change; messages per operation, and none for other drivers."""
    scenario = document("websocket")["scenarios"][0]
    found = scenario["connections"]
    assert found["dropped"] == {"close_1001": 4, "ping_timeout": 2, "reset": 1}
    assert found["failed"] == {"connect": 2, "status_5xx": 1}
    assert found["pushes"] == {"received": 750, "lost": 2, "duplicated": 1, "out_of_order": 0}
    assert found["connect_ms"]["samples"] == 497
    echo, broadcast = (row["messages"] for row in scenario["operations"])
    assert (echo["late"], echo["duplicated"], echo["unexpected"], echo["reach"]) == (2, 1, 1, None)
    assert broadcast["reach"] == pytest.approx(597 / 600)
    assert "delivery" in scenario["operations"][1]["phases_ms"]
    other = document("pass")["scenarios"][0]
    assert other["connections"] is other["operations"][0]["messages"] is None


def test_a_bound_that_is_not_there_is_null_and_one_sided_in_words():
    connect = document("websocket")["scenarios"][0]["thresholds"][1]
    assert connect["interval"] == [None, 6.1]
    assert page_of_kind("websocket").scenarios[0].thresholds[1].interval_text == "≤ 6.1 ms"
    low = made.threshold(interval=(29.9e6, None))
    assert page_of(made.verdict(thresholds=[low])).scenarios[0].thresholds[0].interval_text == "≥ 29.9 ms"


@pytest.mark.parametrize("name", ["html", "markdown", "junit", "terminal"])
def test_every_format_tells_drops_and_their_causes(name):
    if name == "terminal":
        stream = io.StringIO()
        print_verdict(made.websocket(), stream=stream)
        text = stream.getvalue()
    else:
        text = FORMATS[name].render(page_of_kind("websocket"))
    unbroken = " ".join(text.split())
    assert "close 1001 going away" in unbroken
    assert "7 of 497" in unbroken
    assert "≤ 6.1 ms" in unbroken or name == "junit"


@pytest.mark.parametrize("name", ["html", "markdown"])
def test_where_nothing_is_sent_no_rate_is_shown(name):
    """Only what was held: no operations, no offered rate, no zero where nothing was asked."""
    text = FORMATS[name].render(page_of_kind("held"))
    assert "none of them sends" in text
    assert "Operation" not in text
    assert "0/s" not in text.replace("100/s", "")
    assert document("held")["scenarios"][0]["load"]["offered_per_s"] is None


def test_open_connections_are_drawn_over_the_run():
    """They climb with the ramp, and fall in the second of the drop; all of it is judged, so nothing is shaded."""
    scenario = page_of_kind("websocket").scenarios[0]
    assert list(scenario.series.open_connections[:6]) == [100, 200, 300, 400, 497, 497]
    assert list(scenario.series.open_connections[10:13]) == [497, 490, 490]
    charts = charts_of(scenario)
    assert charts[1].title == "Open connections"
    assert charts[1].shaded == ()
    titles = {kind: [one.title for one in charts_of(page_of_kind(kind).scenarios[0])] for kind in ("held", "pass")}
    assert [title for title in titles["held"] if not title.startswith("Target")] == ["Open connections"]
    assert "Open connections" not in titles["pass"]


@pytest.mark.parametrize(
    ("outcomes", "key"),
    [
        pytest.param((Outcome.PASS, Outcome.PASS), "pass", id="both hold"),
        pytest.param((Outcome.PASS, Outcome.FAIL), "fail", id="connect holds, failures do not"),
        pytest.param((Outcome.INCONCLUSIVE, Outcome.PASS), "inconclusive", id="one is not settled"),
        pytest.param((Outcome.FAIL, Outcome.INCONCLUSIVE), "fail", id="a miss outranks what is not settled"),
    ],
)
def test_the_worst_of_two_thresholds_decides_their_clause(outcomes, key):
    connect = made.threshold("connect p95 < 500ms", outcomes[0], metric="connect", clause="SLO-WS")
    failures = made.share("connect failures < 1%", outcomes[1], metric="connect failures", clause="SLO-WS")
    verdict = made.verdict(Outcome.worst(outcomes), thresholds=(connect, failures), run=made.websocket_run())
    row = next(row for row in page_of(verdict).clauses if row.name == "SLO-WS")
    assert row.sign.key == key
    assert row.evidence == ("chat: connect p95 < 500ms", "chat: connect failures < 1%")


def test_a_target_that_refused_everyone_is_told_without_figures_that_are_not_there():
    """No connection: no drop share, no time, and no claim that all went well."""
    refused = Tally({"offered": 5, "failed.connect": 5})
    windows = [Window("chat", "0", second, second, {CONNECTIONS: refused}) for second in range(20)]
    run = made.scenario_run(made.websocket_scenario(sends=False), made=windows)
    found = page_of(made.verdict(run=run)).scenarios[0].blocks[0]
    assert (found.failed_share.value, found.drop_share.value, found.times) == (1.0, None, [])
    assert "Every connection was made" not in FORMATS["html"].render(page_of(made.verdict(run=run)))
