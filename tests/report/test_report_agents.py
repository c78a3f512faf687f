"""Executions of agents on the page and in every format: what became of them, how tokens came, what was right."""

import json
from dataclasses import replace

import jsonschema
import made_verdicts as made
import numpy as np
import pytest

from loadtests.plan.model import ClosedLoad, Scenario
from loadtests.plan.protocol.agent import AgentOperation, AgentSettings
from loadtests.report import FORMATS, page_of
from loadtests.report.drawings import charts_of
from loadtests.report.jsondoc import schema_text
from loadtests.result.histogram import Histogram
from loadtests.result.run import ResourceSample
from loadtests.result.window import Tally, Window

S = 10**9


def numbers(*values):
    return Histogram.of_us(np.array(values) * 1000)


def second(*, simple):
    """Ten executions due in one second, one of which times out; the simple ones are streamed by 40 tokens."""
    counters = {"offered": 10, "ok": 9, "failed.timeout": 1, "completed.ok": 9, "completed.failed": 1, "good": 8}
    if not simple:
        return Tally({"offered": 2, "ok": 2, "completed.ok": 2, "good": 1, "refused": 1})
    counters |= {"checked": 9, "right": 8, "identified": 9, "mixed_up": 1}
    us = made.latencies_us(0, 9, middle_us=200_000)
    return Tally(
        counters,
        {
            "response.ok": Histogram.of_us(us * 3),
            "response.failed": Histogram.of_us(np.array([30_000_000])),
            "ttft": Histogram.of_us(us),
            "token gap": Histogram.of_us(us // 10),
            "phase triage": Histogram.of_us(us // 2),
            "phase report": Histogram.of_us(us * 2),
            "token rate": numbers(*[50] * 8, 5),
            "tokens": numbers(*[40] * 9),
            "partial tokens": numbers(7),
            "parallel": numbers(3, 12),
        },
    )


def agent_page(*, at=None):
    operations = (AgentOperation("simple", ("x",)), AgentOperation("complex", ("x", "y")))
    one = Scenario("agents", "agent", ClosedLoad(12, 20 * S), operations, agent=AgentSettings("stream", queue="/q"))
    tally = at or (lambda name: second(simple=name == "simple"))
    windows = [Window("agents", "0", s, s, {each.name: tally(each.name) for each in operations}) for s in range(20)]
    run = made.scenario_run(one, made=windows)
    queue = [ResourceSample("agents", s, "target", {"queued": s % 7, "running": 12}) for s in range(20)]
    return page_of(made.verdict(run=replace(run, resources=[*run.resources, *queue])))


def block():
    return agent_page().scenarios[0].blocks[0]


def test_shares_are_of_what_was_looked_at():
    """Goodput of those that ended, accuracy of those compared, mixed up of those that said whose they are."""
    total = block().total
    assert (total.ended.value, total.timeouts.value, total.refused.value) == (240, 20, 20)
    assert total.goodput.value == pytest.approx(180 / 240)
    assert total.accuracy.value == pytest.approx(160 / 180)
    assert (total.mixed_up.value, total.identified.value) == (20, 180)
    simple, other = block().operations
    assert (simple.name, simple.timeout_share.value) == ("simple", pytest.approx(0.1))
    assert other.accuracy.value is None


def test_numbers_are_numbers_and_times_are_times():
    """40 tokens are not 40 ms, nor do they stand among the times of the operations."""
    found = block()
    assert found.numbers["tokens"]["p50"].text == "40"
    assert (found.numbers["token rate"]["p5"].text, found.numbers["token rate"]["p50"].text) == ("5/s", "50/s")
    assert (found.partial.value, found.parallel.value, found.queue.value) == (140, 12, 6)
    assert list(found.phases) == ["report", "triage"]
    for row in agent_page().scenarios[0].operations:
        assert not {"tokens", "token rate", "parallel"} & set(row.phases)


def test_the_lines_say_it_in_a_sentence():
    """For terminal, JUnit and summary."""
    said = {line.name: line.text for line in block().lines}
    assert said["agents"].startswith("240 executions, 20 timeouts (8.33%), 20 refused, goodput 75%, 9/s, at most 12")
    assert said["answers"] == "160 of 180 right (88.89%), 20 of 180 somebody else's"
    assert said["tokens"].endswith("140 partial ones in failed executions")


@pytest.mark.parametrize("name", ["html", "markdown", "junit"])
def test_every_format_has_it(name):
    """Each in its own way."""
    assert "TTFT" in FORMATS[name].render(agent_page())


def test_the_json_document_is_as_its_schema_says():
    """No key that the schema does not describe; null for other drivers."""
    schema = json.loads(schema_text())
    document = json.loads(FORMATS["json"].render(agent_page()))
    jsonschema.validate(document, schema)
    found = document["scenarios"][0]["agents"]
    assert set(found) == set(schema["$defs"]["agents"]["properties"])
    assert (found["numbers"]["tokens"]["p50"], found["times_ms"]["ttft"]["samples"]) == (40, 180)
    assert json.loads(FORMATS["json"].render(page_of(made.every()["pass"])))["scenarios"][0]["agents"] is None


def test_tokens_are_drawn_over_time_where_there_are_any():
    """With the charts of every scenario, on the same seconds."""
    titles = [chart.title for chart in charts_of(agent_page().scenarios[0])]
    assert {"Time to the first token", "Time between two tokens", "Tokens per second of a turn"} <= set(titles)
    whole = agent_page(at=lambda _: second(simple=False))
    silent = whole.scenarios[0]
    assert "TTFT" not in FORMATS["html"].render(whole)
    assert not [chart for chart in charts_of(silent) if "token" in chart.title]
    assert [line.name for line in silent.blocks[0].lines] == ["agents"]
