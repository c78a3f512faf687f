"""Charts as values: what is drawn, how it is said, and what reaches the page."""

import json
from dataclasses import replace

import made_verdicts as made
import numpy as np
import pytest

from loadtests.report.bar import BAR_WIDTH, ranges_of
from loadtests.report.chart import Chart, Course, Heatmap, payload
from loadtests.report.compose import page_of
from loadtests.report.drawings import charts_of, generator_of, slowest_of
from loadtests.result.histogram import Histogram, highest_equivalent_us
from loadtests.result.window import Tally, Window


def scenario(kind="pass"):
    return page_of(made.every()[kind]).scenarios[0]


def titled(found, title):
    return next(chart for chart in charts_of(found) if chart.title == title)


def test_a_second_of_which_nothing_is_known_is_a_gap():
    """Neither a rate nor a response time of zero, but null."""
    run = made.scenario_run()
    kept = [window for window in run.windows if window.second != 8]
    found = page_of(made.verdict(run=made.scenario_run(made=kept))).scenarios[0]
    for title in ("Requests per second", "Response time of OK answers"):
        sent = json.loads(payload(titled(found, title)))["courses"]
        assert [one["values"][8] for one in sent] == [None] * len(sent)
        assert None not in [one["values"][7] for one in sent]


def test_what_was_not_judged_is_shaded():
    """From the start to the steady interval, and from its end to that of the run."""
    assert titled(scenario(), "Requests per second").shaded == ((0.0, 5.0),)
    late = made.scenario_run(seconds=20)
    stopped = replace(late, ended_s=12.0)
    found = page_of(made.verdict(run=stopped)).scenarios[0]
    assert titled(found, "Requests per second").shaded == ((0.0, 5.0), (12.0, 20.0))


def test_all_charts_over_time_of_a_scenario_are_linked():
    """One cursor for all, and none shared with another scenario's."""

    def links(kind):
        found = scenario(kind)
        shown = [*charts_of(found), *slowest_of(found), *generator_of(found)]
        return {one.link for one in shown if isinstance(one, Heatmap) or one.axis == "seconds"}

    assert links("pass") == {"api"}
    assert links("websocket") == {"chat"}


def test_every_chart_over_time_has_the_same_seconds():
    """What happened at once stands above itself, whatever was sampled when."""
    found = scenario("fail")
    shown = [*charts_of(found), *slowest_of(found)]
    assert {tuple(one.x) for one in shown if isinstance(one, Chart) and one.axis == "seconds"} == {tuple(range(20))}
    assert all(len(course.values) == len(one.x) for one in shown if isinstance(one, Chart) for course in one.courses)


def test_the_charts_that_are_asked_for_are_there():
    """Each kind of evidence has its drawing, and none where there is nothing to draw."""
    titles = [one.title for one in charts_of(scenario("fail"))]
    assert titles == [
        "Response time of OK answers",
        "Requests per second",
        "Failures per second, by kind",
        "Response times, how many and when",
        "Response time by quantile",
        "Target: CPU, share of one instance",
        "Target: memory",
    ]
    assert "Failures per second, by kind" not in [one.title for one in charts_of(scenario())]
    assert charts_of(scenario("empty")) == slowest_of(scenario("empty")) == ()


def test_a_limit_is_drawn_where_it_does_not_press_the_rest_flat():
    """31 ms beside a p99 of 40 ms is; 2 s and 200 ms are far off."""
    response = titled(scenario("fail"), "Response time of OK answers")
    assert [(mark.at, mark.text) for mark in response.levels] == [(31.0, "p95 < 31ms")]
    assert [(point.x, point.value) for point in titled(scenario("fail"), "Response time by quantile").points] == [
        (0.5, 200.0),
        (0.99, 31.0),
    ]


def test_many_kinds_of_failure_become_few_lines():
    """The most frequent ones, and the rest added up: no more lines than can be told apart."""
    counters = {f"failed.kind_{n}": n + 1 for n in range(9)} | {"offered": 45}
    windows = [Window("api", "0", second, second, {"health": Tally(counters)}) for second in range(20)]
    found = page_of(made.verdict(run=made.scenario_run(made=windows))).scenarios[0]
    chart = titled(found, "Failures per second, by kind")
    assert [course.label for course in chart.courses] == [*(f"kind_{n}" for n in (8, 7, 6, 5, 4)), "4 other kinds"]
    assert chart.courses[-1].values[0] == 1 + 2 + 3 + 4


def test_the_heatmap_counts_every_answer_once():
    """Its cells add up to the OK answers of the whole run, each between the edges of its row."""
    run = made.scenario_run()
    heat = titled(page_of(made.verdict(run=run)).scenarios[0], "Response times, how many and when")
    merged = Histogram.merge(t.histogram("response.ok") for w in run.windows for t in w.operations.values())
    assert sum(map(sum, heat.counts)) == merged.total
    rows = [sum(column[row] for column in heat.counts) for row in range(len(heat.edges) - 1)]
    for row, count in enumerate(rows):
        values = highest_equivalent_us(merged.indices.astype(np.int64)) / 1e3
        inside = (values >= heat.edges[row]) & (values < heat.edges[row + 1])
        assert count == merged.counts[inside].sum()


def test_the_quantile_curve_ends_at_the_longest_answer():
    """It rises, and its last point is the one answer beyond which there is none."""
    found = scenario("fail")
    response, _, both = found.curves
    assert list(response.ms) == sorted(response.ms)
    assert response.ms[-1] == pytest.approx(found.total.response.figures["max"].value)
    assert both.ms[-1] == pytest.approx(5000, rel=0.001)
    assert response.quantiles[0] == 0.0


def test_the_slowest_operation_comes_first():
    """By p99, with its share of all the time that was waited for."""
    slow = scenario().slowest
    assert [one.row.name for one in slow] == ["execute", "health"]
    assert sum(one.time_share.value for one in slow) == pytest.approx(1)
    ranges = ranges_of(slow)
    assert ranges[0].p50 > ranges[1].p50
    assert all(0 <= place <= BAR_WIDTH for one in ranges for place in (one.p50, one.p99, one.most))
    assert all(one.p50 <= one.p99 <= one.most for one in ranges)


def test_a_long_run_has_longer_steps_and_loses_nothing():
    """1,300 s are 434 steps of 3 s; rates are means, response times of merged counts."""
    one = made.scenario(seconds=1300)
    tally = Tally({"offered": 6, "ok": 6, "completed.ok": 6}, {"response.ok": Histogram.of_us(np.arange(1, 7) * 1000)})
    windows = [Window("api", "0", second, second, {"health": tally}) for second in range(1300)]
    found = page_of(made.verdict(run=made.scenario_run(one, made=windows, seconds=1300))).scenarios[0]
    assert (found.series.step_s, len(found.series.second)) == (3, 434)
    assert set(found.series.offered[:-1]) == {6.0}
    assert {round(value, 1) for value in found.series.max_ms} == {6.0}


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
