"""The report: intervals on paper, windows that add up, and a verdict that can be no."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from streams.demo.reference import References
from streams.demo.report import (
    Estimate,
    Window,
    beats_random,
    per_thousand,
    screen,
    sentence,
    sparkline,
    windows,
)


def test_the_interval_is_normal_over_visits() -> None:
    """Clicks 0, 2, 0, 2: mean 1, s = sqrt(4/3) = 1.1547, s/sqrt(4) = 0.57735, times 1.959964 =
    1.13158.
    """
    estimate = per_thousand(np.array([0.0, 2.0, 0.0, 2.0]))
    assert estimate.mean == 1000
    assert estimate.low == pytest.approx(1000 - 1131.58, abs=0.01)
    assert estimate.text() == "1,000 ± 1,132"
    assert per_thousand(np.array([3.0])) == Estimate(3000, 3000, 3000)


def test_windows_cover_every_visit_once_and_keep_the_order() -> None:
    clicks = np.arange(10.0)
    reference = References(np.zeros(10), np.ones(10), np.full(10, 2.0))
    parts = windows(clicks, reference, 4)
    assert [part.visits for part in parts] == [3, 3, 2, 2]
    assert [part.learned.mean for part in parts] == [1000, 4000, 6500, 8500]
    assert (parts[0].best_single, parts[0].best_possible) == (1000, 2000)
    assert len(windows(np.ones(3), References(np.zeros(3), np.ones(3), np.ones(3)), 8)) == 3


def test_the_sparkline_grows_with_the_values_and_starts_at_zero() -> None:
    assert sparkline(np.arange(8.0), 8) == "▁▂▃▄▅▆▇█"
    assert sparkline(np.zeros(4), 2) == "▁▁"
    assert sparkline(np.zeros(0)) == ""


def window(learned: tuple[float, float, float], random: tuple[float, float, float]) -> Window:
    return Window(10, Estimate(*learned), Estimate(*random), 900, 1000)


def test_learned_beats_random_only_where_the_intervals_are_apart() -> None:
    assert beats_random([window((500, 450, 550), (200, 150, 250))])
    assert not beats_random([window((500, 450, 550), (450, 400, 500))])


def test_the_screen_shows_both_with_intervals_and_says_what_the_clicks_are() -> None:
    parts = [window((500, 450, 550), (200, 150, 250))]
    text = io.StringIO()
    Console(file=text, width=140).print(screen(parts, np.array([0.0, 1.0]), "invented clicks"))
    shown = text.getvalue()
    assert "clicks per 1,000 visits (invented clicks)" in shown
    assert "500 ± 50" in shown
    assert "200 ± 50" in shown
    assert sentence(parts[0]) == (
        "In the last stretch the learned slates got 2.5 times random and 50% of the best possible."
    )
    assert sentence(parts[0]) in shown


def test_a_stretch_in_which_random_got_nothing_divides_by_nothing() -> None:
    assert "no random slate was clicked" in sentence(window((500, 450, 550), (0, 0, 0)))
