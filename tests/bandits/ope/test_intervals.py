import numpy as np
import pytest
from scipy import stats

from bandits.ope import ESTIMATORS, intervals
from bandits.ope.ess import Limits, TooLittleData, check_amount
from bandits.ope.intervals import (
    INTERVALS,
    bernstein,
    bootstrap,
    normal,
    resampled,
    standard_error,
    widening,
)
from bandits.ope.terms import EstimatorError, Sample, Terms, value


def average(numbers: np.ndarray) -> Terms:
    return Terms(numbers[:, None], np.ones((numbers.size, 1)))


def ratio(rng: np.random.Generator, n: int) -> Terms:
    weight = rng.gamma(0.7, size=n)
    return Terms((weight * (rng.random(n) < 0.2))[:, None], weight[:, None])


def test_normal_interval_of_a_mean_is_the_textbook_one():
    """1, 2, 3, 6: mean 3, sd sqrt(14 / 3), se sqrt(14 / 12); influences -2, -1, 0, 3 leave 14^2 /
    98 = 2 degrees of freedom, at which Student's 97.5% quantile is 4.302653.
    """
    low, high = normal(
        average(np.array([1.0, 2.0, 3.0, 6.0])), 0.95, np.random.default_rng(0), np.nan
    )
    half = 4.302653 * np.sqrt(14 / 12)
    assert (low, high) == pytest.approx((3 - half, 3 + half), rel=1e-6)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
@pytest.mark.parametrize("size", [2, 4, 7, 30, 1000, 100_000])
def test_widening_equals_scipys_quantiles(size, confidence):
    """Influences -1 and 1, as many as there are slates, leave that many degrees of freedom."""
    numbers = np.repeat([1.0, 3.0], size // 2)
    expected = stats.t.ppf(0.5 + confidence / 2, numbers.size) / stats.norm.ppf(
        0.5 + confidence / 2
    )
    assert widening(average(numbers), confidence) == pytest.approx(expected, rel=1e-6)


def test_nothing_is_widened_where_nothing_varies():
    assert widening(average(np.ones(10)), 0.95) == 1.0


def test_standard_error_of_a_ratio_equals_the_formula_of_cochran():
    """se^2 = sum (y - R x)^2 / (m - 1) / m / mean(x)^2."""
    terms = ratio(np.random.default_rng(1), 500)
    y, x = terms.numerator[:, 0], terms.denominator[:, 0]
    residual = y - y.sum() / x.sum() * x
    expected = np.sqrt((residual**2).sum() / (y.size - 1) / y.size) / x.mean()
    assert standard_error(terms) == pytest.approx(expected, rel=1e-12)


def test_bernstein_interval_is_that_of_maurer_and_pontil():
    """Two sides at delta = 0.025 each: mean +- sqrt(2 V ln(2 / delta) / n) + 7 ln(2 / delta) / (3
    (n - 1)).
    """
    numbers = np.random.default_rng(0).random(200)
    low, high = bernstein(average(numbers), 0.95, np.random.default_rng(0), 1.0)
    log_term = np.log(2 / 0.025)
    half = np.sqrt(2 * numbers.var(ddof=1) * log_term / 200) + 7 * log_term / (3 * 199)
    assert (high - low) / 2 == pytest.approx(half, rel=1e-12)
    assert (high + low) / 2 == pytest.approx(numbers.mean(), rel=1e-12)


def test_bernstein_refuses_ratios():
    with pytest.raises(
        EstimatorError, match="found a ratio; use the normal or the bootstrap interval"
    ):
        bernstein(ratio(np.random.default_rng(1), 50), 0.95, np.random.default_rng(0), 1.0)


def test_bootstrap_equals_scipys_bca_up_to_resampling():
    """SciPy's BCa with 20,000 resamples; ours has 2,000, so limits may differ by a few percent of
    the width.
    """
    terms = ratio(np.random.default_rng(2), 120)
    y, x = terms.numerator[:, 0], terms.denominator[:, 0]
    theirs = stats.bootstrap(
        (y, x),
        lambda y, x, axis: y.sum(axis=axis) / x.sum(axis=axis),
        paired=True,
        n_resamples=20_000,
        rng=np.random.default_rng(5),
        batch=2000,
    ).confidence_interval
    ours = np.mean(
        [bootstrap(terms, 0.95, np.random.default_rng(seed), np.nan) for seed in range(10)], axis=0
    )
    width = theirs.high - theirs.low
    wider, estimate = widening(terms, 0.95), value(terms)
    assert wider > 1
    np.testing.assert_allclose(
        estimate + (ours - estimate) / wider, [theirs.low, theirs.high], atol=0.04 * width
    )


def test_drawing_equal_slates_together_has_the_same_distribution(monkeypatch):
    """0-1 rewards, one in ten: the multinomial way, and drawing slate by slate, against the
    binomial that both must be.
    """
    numbers = np.repeat([0.0, 1.0], [900, 100])
    together = resampled(average(numbers), np.random.default_rng(0)) * 1000
    jittered = numbers + np.linspace(0, 1e-9, 1000)  # all different: drawn one by one
    singly = resampled(average(jittered), np.random.default_rng(0)) * 1000
    for draws in (together, singly):
        assert draws.mean() == pytest.approx(100, abs=4 * np.sqrt(90 / 2000))
        assert draws.std() == pytest.approx(np.sqrt(90), rel=0.08)
    monkeypatch.setattr(intervals, "CHUNK", 1000)  # in many small pieces
    assert resampled(average(jittered), np.random.default_rng(0)).std() * 1000 == pytest.approx(
        np.sqrt(90), rel=0.08
    )


def test_slates_that_all_say_the_same_have_no_width():
    assert bootstrap(
        average(np.full(50, 0.3)), 0.95, np.random.default_rng(0), np.nan
    ) == pytest.approx((0.3, 0.3))


@pytest.mark.parametrize("name", INTERVALS)
def test_same_seed_same_interval_that_holds_the_estimate(name):
    terms = average(np.random.default_rng(4).random(300) ** 3)
    first, second = (INTERVALS[name](terms, 0.9, np.random.default_rng(7), 1.0) for _ in range(2))
    assert first == second
    assert first[0] < value(terms) < first[1]


def test_intervals_cover_where_a_few_rows_know_the_spread(monkeypatch):
    """300 logs of 3,000 rows, 34 items, new policies every time, weights up to 50: 95% intervals
    must hold the truth in 95% of them.

    285 expected, standard deviation 3.8; at least 279 must be. Without widening it is 275.
    """
    monkeypatch.setattr(intervals, "N_RESAMPLES", 600)
    rng = np.random.default_rng(6)
    hits = bare = tried = 0
    while tried < 300:
        logged, wanted = 0.9 * rng.dirichlet(np.ones(34)) + 0.1 / 34, rng.dirichlet(np.ones(34))
        click = 0.02 * rng.lognormal(0, 0.5, 34)
        item = rng.choice(34, size=3000, p=logged)
        reward = (rng.random(3000) < click[item]).astype(float)
        sample = Sample(reward, np.arange(3000), np.zeros(3000, dtype=int), (wanted / logged)[item])
        try:
            check_amount(sample.weight, float((logged * click).sum()), Limits())
        except TooLittleData:
            continue
        terms, truth = ESTIMATORS["snips"].terms(sample), (wanted * click).sum()
        low, high = bootstrap(terms, 0.95, rng, np.nan)
        hits += low <= truth <= high
        wider, estimate = widening(terms, 0.95), value(terms)
        bare += estimate + (low - estimate) / wider <= truth <= estimate + (high - estimate) / wider
        tried += 1
    assert hits >= 279
    assert bare < 279


@pytest.mark.parametrize(
    ("name", "interval"),
    [("ips", "bootstrap"), ("snips", "bootstrap"), ("dr", "normal"), ("iips", "normal")],
)
def test_intervals_cover_the_truth_at_the_nominal_rate(name, interval, monkeypatch):
    """400 logs of 600 slates of two, skewed weights, click rates near 10%: 90% intervals must hold
    the truth in 90% of them.

    The number of hits is binomial: 360 expected, standard deviation 6, so 342 to 378 is three of
    them.
    """
    monkeypatch.setattr(intervals, "N_RESAMPLES", 600)
    rng = np.random.default_rng(11)
    logged, wanted = rng.dirichlet(np.full(8, 3.0), 2)
    click = rng.beta(2, 18, (2, 8))
    m, hits = 600, 0
    truth = (wanted * click).sum() * (1 if name == "iips" else 0.5)
    for _ in range(400):
        item = rng.choice(8, size=2 * m, p=logged)
        position = np.tile([0, 1], m)
        # rows of one slate go up and down together
        mood = np.repeat(rng.choice([0.5, 1.5], size=m), 2)
        reward = (rng.random(2 * m) < mood * click[position, item]).astype(float)
        model = np.full(2 * m, 0.1)
        sample = Sample(
            reward,
            np.repeat(np.arange(m), 2),
            position,
            (wanted / logged)[item],
            q_logged=model,
            q_target=model,
        )
        low, high = INTERVALS[interval](ESTIMATORS[name].terms(sample), 0.9, rng, np.nan)
        hits += low <= truth <= high
    assert 342 <= hits <= 378
