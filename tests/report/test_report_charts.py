"""Charts as values: what is drawn, how it is said, and what reaches the page."""

import json

import made_verdicts as made
import pytest

from loadtests.report.chart import Chart, Course, Heatmap, payload
from loadtests.report.compose import page_of
from loadtests.report.drawings import charts_of


def scenario(kind="pass"):
    return page_of(made.every()[kind]).scenarios[0]


def titled(found, title):
    return next(chart for chart in charts_of(found) if chart.title == title)


def test_a_second_of_which_nothing_is_known_is_a_gap():
    """Neither a rate nor a response time of zero, but null."""
    run = made.scenario_run()
    kept = [window for window in run.windows if window.second != 8]
    found = page_of(made.verdict(run=made.scenario_run(made=kept))).scenarios[0]
    for chart in charts_of(found):
        for course in chart.courses:
            sent = json.loads(payload(chart))
            assert course.values[8] is None
            assert [one["values"][8] for one in sent["courses"]] == [None] * len(chart.courses)


def test_what_was_not_judged_is_shaded():
    """From the start to the steady interval, and from its end to that of the run."""
    assert titled(scenario(), "Requests per second").shaded == ((0.0, 5.0),)
    stopped = made.scenario_run(seconds=20)
    found = page_of(made.verdict(run=stopped)).scenarios[0]
    assert found.steady_s == (5.0, 20.0)


def test_all_charts_of_a_scenario_are_linked():
    """One cursor for all, and none shared with another scenario's."""
    assert {chart.link for chart in charts_of(scenario())} == {"api"}
    assert {chart.link for chart in charts_of(scenario("websocket"))} == {"chat"}


def test_a_chart_is_said_in_words_with_its_unit():
    chart = Chart("t", "ms", [0, 1, 2], [Course("p50", [5.0, None, 1250.0]), Course("p99", [None] * 3)])
    assert chart.summary == "p50: 5 ms to 1.25 s; p99: nothing recorded"


def test_a_heatmap_says_where_most_of_it_lies():
    heat = Heatmap("t", "ms", [0, 1], 1, [1.0, 10.0, 100.0], [[2, 1], [5, 0]], "answers")
    assert heat.summary == "8 answers, most of them between 1 ms and 10 ms"
    assert Heatmap("t", "ms", [], 1, [1.0, 2.0], [], "answers").summary == "no answers"


@pytest.mark.parametrize("name", ["</script><script>alert(1)</script>", "<!--", "a & b", "\u202e", "\x00"])
def test_no_name_breaks_out_of_its_script_element(name):
    """Whatever a thing is called, its data stay data; what is invisible is shown, as everywhere."""
    text = payload(Chart(name, "number", [0], [Course(name, [1.0])]))
    assert not set("<>&") & set(text)
    assert json.loads(text)["courses"][0]["label"] in (name, "\ufffd", "␀")


def test_numbers_are_short_and_finite():
    """Four digits are more than a screen shows; what is no number is a gap."""
    text = payload(Chart("t", "ms", [0.123456789, 2], [Course("c", [1 / 3, float("nan")])]))
    assert json.loads(text)["courses"][0]["values"] == [0.3333, None]
    assert json.loads(text)["x"] == [0.123456789, 2]
