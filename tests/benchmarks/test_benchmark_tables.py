"""What the benchmarks print and write: tables, goals, and sections of one file that do not disturb each other."""

import pytest

from benchmarks.__main__ import goals_in
from benchmarks.goals import Goal, at_least, at_most, goals_table, worst_exit_code
from benchmarks.machine import machine_lines
from benchmarks.peers.comparison import OURS, closed_table, goals, open_table
from benchmarks.peers.ours import OpenFigures
from benchmarks.peers.outside import Pace
from benchmarks.peers.tools import PEERS, paced_peers
from benchmarks.quiet import Moment, cores_taken_by_others
from benchmarks.results import with_section
from benchmarks.table import markdown_table


def paces(*rates: float) -> list[Pace]:
    return [Pace(rate, 10.0, 1.0) for rate in rates]


def opened(*, achieved: float = 20_000.0, lag_p99_ns: float = 5e5, cpu_us: float = 13.0) -> OpenFigures:
    return OpenFigures(20_000.0, Pace(achieved, cpu_us, 0.4), 1e5, lag_p99_ns, 0)


FAST = {OURS: paces(80, 90), "wrk": paces(100, 100), "Locust FastHttpUser": paces(5, 5)}


def test_a_table_is_markdown_with_columns_of_one_width():
    """Text to the left, figures to the right."""
    assert markdown_table(("tool", "req/s"), [("wrk", "96,000"), ("k6", "9")]).splitlines() == [
        "| tool |  req/s |",
        "| ---- | -----: |",
        "| wrk  | 96,000 |",
        "| k6   |      9 |",
    ]


def test_a_section_is_replaced_and_the_others_are_kept():
    """`--write` of one benchmark leaves the other's results alone, in any order."""
    document = with_section("# Results\n", "Accuracy", body="a")
    document = with_section(document, "Peers", body="p")
    document = with_section(document, "Accuracy", body="new")
    assert document == "# Results\n\n## Accuracy\n\nnew\n\n## Peers\n\np\n"
    assert with_section(document, "Peers", body="p") == document


def test_ratios_are_taken_within_a_round():
    """A machine that slows down between rounds slows both, and the ratio stays."""
    text = closed_table({OURS: paces(60, 6), "wrk": paces(100, 10)}, {OURS: "1", "wrk": "4"})
    assert "0.600" in text


def test_a_round_in_which_a_peer_failed_is_left_out():
    """The rounds after it are still compared with their own."""
    rounds = {OURS: paces(10, 60, 60), "wrk": [None, *paces(100, 100)], "hey": [None]}
    text = closed_table(rounds, {OURS: "1", "wrk": "4", "hey": "?"})
    assert "0.600" in text
    assert " failed |" in next(line for line in text.splitlines() if line.startswith("| hey"))
    kept = {"h2load": [None, *paces(20_000)]}
    ours = [opened(cpu_us=90.0), opened(cpu_us=20.0)]
    assert "failed" in open_table(ours, {**kept, "wrk2": [None]}, {OURS: "1", "h2load": "2", "wrk2": "1"})
    states = {goal.what: goal.reached for goal in goals(rounds, ours, {**kept, "wrk2": [None]}, others_cores=0.0)}
    assert states["closed loop beside wrk"] == "0.60 ×"
    assert states["open model at 20,000/s, CPU of a request beside h2load at that rate"] == "2.00 ×"
    assert states["open model at 20,000/s, CPU of a request beside wrk2 at that rate"] is None


def test_a_peer_that_is_not_there_has_a_row_that_says_so():
    """Nothing fails for want of a tool."""
    text = closed_table({OURS: paces(60)}, {OURS: "1", "k6": None, "hey": "?"})
    assert "| k6          | not installed" in text
    assert "| hey         |        failed" in text
    found = goals({OURS: paces(60)}, [], {}, others_cores=0.0)
    assert [goal.state for goal in found] == ["not measured"] * 4
    assert worst_exit_code(found) == 0


@pytest.mark.parametrize(
    ("rounds", "figures", "others", "code"),
    [
        pytest.param(FAST, opened(), 0.0, 0, id="all goals met"),
        pytest.param({**FAST, OURS: paces(79, 79)}, opened(), 0.0, 1, id="under four fifths of wrk"),
        pytest.param({**FAST, "wrk": paces(1), OURS: paces(59)}, opened(), 0.0, 1, id="under twelve times Locust"),
        pytest.param(FAST, opened(lag_p99_ns=5.1e5), 0.0, 1, id="a start lag over half a millisecond"),
        pytest.param(FAST, opened(cpu_us=13.1), 0.0, 1, id="dearer than 1.3 times what wrk pays"),
        pytest.param(FAST, opened(achieved=19_000), 0.0, 1, id="a rate not reached"),
        pytest.param(FAST, opened(lag_p99_ns=5e6), 0.5, 3, id="a busy machine misses no goal, and meets none"),
        pytest.param(FAST, opened(), 0.5, 0, id="a goal met on a busy machine is met"),
    ],
)
def test_goals(rounds: dict[str, list[Pace]], figures: OpenFigures, others: float, code: int):
    """Met, missed, or not measurable, by exit code."""
    assert worst_exit_code(goals(rounds, [figures], {}, others_cores=others)) == code


def test_the_open_model_stands_beside_peers_that_keep_to_its_rate():
    """The CPU of a request is compared within a round; who is not there has a row, but no goal."""
    ours = [opened(cpu_us=20.0), opened(cpu_us=30.0)]
    kept = {"h2load": [Pace(20_000.0, 10.0, 0.2), Pace(20_000.0, 15.0, 0.3)]}
    text = open_table(ours, kept, {OURS: "1", "h2load": "2", "wrk2": None})
    assert "| h2load 2" in text
    assert "| wrk2        | not installed" in text
    beside = [goal for goal in goals(FAST, ours, kept, others_cores=0.0) if "h2load at that rate" in goal.what]
    assert [(goal.reached, goal.state) for goal in beside] == [("2.00 ×", "MISSED")]


def test_a_goal_at_its_limit_is_met():
    """Written with the figure reached, alike."""
    assert at_least("rate", 100.0, 100.0) == Goal("rate", "≥ 100", "100", met=True)
    assert at_most("growth", 0.05, 0.051, form="{:.1%}") == Goal("growth", "≤ 5.0%", "5.1%", met=False)


def test_the_goals_of_all_sections_are_found_again():
    """Other tables of a section are passed over, and sections without goals left out."""
    goal = Goal("peer", "≥ 2 ×", None, None)
    body = markdown_table(("tool", "req/s"), [("wrk", "1")]) + "\n\n" + goals_table([goal])
    document = with_section("# Results\n", "Peers", body=body)
    document = with_section(document, "Accuracy", body=markdown_table(("case", "truth"), [("a", "1")]))
    assert goals_in(document) == [("Peers", [("peer", "≥ 2 ×", "-", "not measured")])]


def test_others_are_what_the_machine_did_and_the_family_did_not():
    """Two seconds, three CPU seconds of the machine, one of them ours: one core was taken."""
    assert cores_taken_by_others(Moment(10.0, 100.0, 5.0), Moment(12.0, 103.0, 6.0)) == 1.0
    assert cores_taken_by_others(Moment(10.0, 100.0, 5.0), Moment(12.0, 101.0, 6.5)) == 0.0


@pytest.mark.parametrize("peer", [*PEERS, *paced_peers(6_400.0)], ids=lambda peer: peer.name)
def test_every_peer_is_told_where_how_many_and_how_long(peer):
    """The address's path, the connections and the seconds are somewhere in the command."""
    told = " ".join(peer.command("http://127.0.0.1:8080/hello", 64, 7))
    assert "127.0.0.1:8080" in told
    assert "/hello" in told
    assert "64" in told
    assert "7" in told.replace("127.0.0.1", "")


def test_the_machine_is_described_without_paths():
    """Results are committed: no path of the machine may be in them."""
    assert len(machine_lines({"wrk": "4.1"})) == 3
    assert not any("/root" in line or "/home" in line or "/work" in line for line in machine_lines())
