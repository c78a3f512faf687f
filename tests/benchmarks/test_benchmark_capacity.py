"""What a process holds on to is told from its samples."""

import pytest

from benchmarks.capacity import growth


@pytest.mark.parametrize(
    ("sentence", "samples", "grown"),
    [
        (
            "what a process takes in its first minute is no growth",
            [(at, 50 + 50 * (at >= 30)) for at in range(300)],
            0.0,
        ),
        ("a leak is", [(at, 100 + at) for at in range(301)], 395.5 / 164.5 - 1),
        ("one high sample is not", [(at, 900 if at == 200 else 100) for at in range(300)], 0.0),
        ("of a short run the second half is warm", [(at, 10 if at < 10 else 20) for at in range(20)], 0.0),
    ],
)
def test_growth_is_what_comes_after_the_warm_minute(sentence: str, samples: list, grown: float) -> None:
    found = growth("engine", samples)
    assert found.grown == pytest.approx(grown)
    assert found.most == max(held for _, held in samples)
