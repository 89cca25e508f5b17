"""The judge: numbers where the log supports them, reasons where it does not, and truth inside the
intervals.
"""

import subprocess
import sys

import numpy as np
import pytest

from bandits.ope import ESTIMATORS
from bandits.ope.ess import Expected, Limits, TooLittleData, expected_rewards
from bandits.ope.estimate import Estimate, Question, Refusal
from bandits.ope.evaluate import estimate, evaluate
from bandits.ope.fit import counts_of
from bandits.ope.log import Log, LogError, Shape, split
from bandits.ope.open_bandit import installed_campaign, read_obd
from bandits.ope.reward_model import fit_reward_model
from bandits.ope.sample import sample_of
from bandits.ope.target import Target, fixed, from_policy, plackett_luce, uniform
from bandits.policies.registry import POLICIES
from tests.bandits.ope.making import paper_log, paper_target, rows

SHAPE = Shape(2, 3, 10)
# Plackett-Luce weights of the logging policy
WEIGHTS = np.exp(np.linspace(-1, 1, 20).reshape(2, 10))
CLICK = np.linspace(0.02, 0.3, 20).reshape(2, 10)[:, ::-1]  # what it likes is clicked least
LOOKED = np.array([1.0, 0.6, 0.4])
PLENTY = Expected(0.1, 0.2, 0.1, 0.3)  # rewards of rows that are not judged


def world(n_slates: int, rng: np.random.Generator, *, conditional: bool) -> Log:
    """Slates of three by Plackett-Luce; a click = looked at and liked, and no more clicks in a
    slate after two.
    """
    segment = rng.integers(0, 2, n_slates)
    # (m, 3)
    item = (np.log(WEIGHTS)[segment] + rng.gumbel(size=(n_slates, 10))).argsort(axis=1)[:, ::-1][
        :, :3
    ]
    w = WEIGHTS[segment[:, None], item]  # (m, 3)
    left = WEIGHTS[segment].sum(axis=1)[:, None] - np.cumsum(w, axis=1) + w
    click = rng.random((n_slates, 3)) < LOOKED * CLICK[segment[:, None], item]
    click[:, 2] &= ~(click[:, 0] & click[:, 1])
    p = w / left
    if not conditional:
        p = np.stack(
            [logging().table[segment, place, item[:, place]] for place in range(3)], axis=1
        )
    return rows(
        slate=np.repeat(np.arange(n_slates), 3),
        position=np.tile(np.arange(3), n_slates),
        item=item.ravel(),
        segment=np.repeat(segment, 3),
        propensity=p.ravel(),
        click=click.ravel().astype(float),
        value=click.ravel() * 2.0,
        time_s=np.repeat(np.arange(n_slates, dtype=float), 3),
    )


def logging() -> Target:
    return plackett_luce("logging", WEIGHTS, 3, np.random.default_rng(99))


def wanted() -> Target:
    return plackett_luce("wanted", CLICK, 3, np.random.default_rng(98))


def truth(target: Target, n: int = 400_000) -> float:
    """Clicks per slate when the target is really run (standard error below 0.001)."""
    assert target.weights is not None
    rng = np.random.default_rng(97)
    segment = rng.integers(0, 2, n)
    item = (np.log(target.weights)[segment] + rng.gumbel(size=(n, 10))).argsort(axis=1)[:, ::-1][
        :, :3
    ]
    click = rng.random((n, 3)) < LOOKED * CLICK[segment[:, None], item]
    click[:, 2] &= ~(click[:, 0] & click[:, 1])
    return float(click.sum(axis=1).mean())


@pytest.mark.parametrize("conditional", [False, True])
def test_every_estimator_judges_a_policy_that_was_never_run(conditional):
    """Three policies from the log of one: each 99.9% interval of the slate estimators holds the
    value found by running it.
    """
    rng = np.random.default_rng(1)
    train, test = split(world(12_000, rng, conditional=conditional), 0.5)
    model = fit_reward_model(train, SHAPE)
    question = Question(confidence=0.999, interval="normal", conditional=conditional)
    names = [
        name
        for name, how in ESTIMATORS.items()
        if how.conditional == conditional and how.per == "slate"
    ]
    targets = [wanted(), uniform(SHAPE), logging()]
    results = evaluate(test, targets, rng, names, model, question, expected=PLENTY)
    truths = {target.name: truth(target) for target in targets}
    assert truths["wanted"] > 1.15 * truths["logging"]
    for result in results:
        assert isinstance(result, Estimate), result
        assert result.low - 0.003 <= truths[result.policy] <= result.high + 0.003, result
        assert abs(result.mean_weight - 1) < 0.1
        assert result.rows == 18_000
        assert result.slates == 6000


def test_a_policy_fitted_on_the_first_half_is_better_than_the_log_and_judged_so():
    rng = np.random.default_rng(2)
    train, test = split(world(20_000, rng, conditional=False), 0.5)
    greedy = from_policy(POLICIES["thompson"](), counts_of(train, SHAPE), SHAPE, rng)
    by_name = {
        (result.policy, result.estimator): result
        for result in evaluate(
            test,
            [greedy, logging()],
            rng,
            ["snips", "dr"],
            fit_reward_model(train, SHAPE),
            expected=expected_rewards(train),
        )
    }
    for estimator in ("snips", "dr"):
        better, logged = by_name["thompson", estimator], by_name["logging", estimator]
        assert isinstance(better, Estimate)
        assert isinstance(logged, Estimate)
        assert better.low > logged.high
        assert logged.low <= test.click.mean() <= logged.high


def test_too_little_data_is_a_refusal_and_not_a_number():
    """The Open Bandit log of 10,000 rows has 46 clicks: enough to judge the uniform policy, too few
    for a greedy one.
    """
    loaded = read_obd(installed_campaign())
    rng = np.random.default_rng(0)
    train, test = split(loaded.log, 0.5)
    greedy = from_policy(POLICIES["greedy"](), counts_of(train, loaded.shape), loaded.shape, rng)
    judged = evaluate(
        test,
        [uniform(loaded.shape), greedy],
        rng,
        ["replay", "ips", "snips", "dr"],
        fit_reward_model(train, loaded.shape),
        expected=expected_rewards(train),
    )
    assert [type(result) for result in judged] == [Refusal, Estimate, Estimate, Estimate] + [
        Refusal
    ] * 4
    for refusal in judged:
        if isinstance(refusal, Refusal):
            assert "effective rewards for this policy, expected at least 5" in refusal.reason
            assert refusal.rows_needed is not None
            assert refusal.rows_needed >= 5 * refusal.rows
    uniform_snips = judged[2]
    assert isinstance(uniform_snips, Estimate)
    assert uniform_snips.low < 0.0046 < uniform_snips.high


def test_what_more_rows_cannot_mend_says_so():
    results = evaluate(
        paper_log(), [paper_target()], np.random.default_rng(0), ["replay", "rips"], expected=PLENTY
    )
    assert [result.rows_needed for result in results if isinstance(result, Refusal)] == [None, None]


def test_a_log_of_another_policy_is_refused():
    """Propensities said to be uniform, and were not: the weights do not average 1."""
    log = world(4000, np.random.default_rng(3), conditional=False)._replace(
        propensity=np.full(12_000, 0.1)
    )
    skewed = logging()
    result = evaluate(log, [skewed], np.random.default_rng(0), ["ips"], expected=PLENTY)[0]
    assert isinstance(result, Refusal)
    assert "instead of 1" in result.reason


def test_the_direct_method_needs_rewards_to_fit_on():
    log = world(1000, np.random.default_rng(4), conditional=False)
    model = fit_reward_model(world(8, np.random.default_rng(5), conditional=False), SHAPE)
    result = evaluate(log, [wanted()], np.random.default_rng(0), ["dm"], model, expected=PLENTY)[0]
    assert isinstance(result, Refusal)
    assert "the reward model was fitted on" in result.reason


def test_an_answer_only_when_good_enough():
    log = world(2000, np.random.default_rng(6), conditional=False)
    question = Question(limits=Limits(max_relative_width=0.01))
    sample = sample_of(log, wanted(), np.random.default_rng(0))
    with pytest.raises(
        TooLittleData, match=r"would be .* of the estimate to each side, expected at most 1%"
    ):
        rng = np.random.default_rng(0)
        estimate(log, wanted(), sample, "snips", rng, question=question, expected=PLENTY)


def test_bernstein_covers_far_more_than_it_says_and_is_wider():
    log = world(3000, np.random.default_rng(7), conditional=False)
    for name in ("ips", "iips"):
        results = [
            evaluate(
                log,
                [wanted()],
                np.random.default_rng(0),
                [name],
                question=Question(interval=interval),
                expected=PLENTY,
            )[0]
            for interval in ("normal", "bernstein")
        ]
        assert isinstance(results[0], Estimate)
        assert isinstance(results[1], Estimate)
        assert results[1].high - results[1].low > 1.5 * (results[0].high - results[0].low)
    refused = evaluate(
        log,
        [wanted()],
        np.random.default_rng(0),
        ["snips"],
        question=Question(interval="bernstein"),
        expected=PLENTY,
    )[0]
    assert isinstance(refused, Refusal)
    assert "ips, dm, dr, iips" in refused.reason


def test_rewards_in_money_are_judged_alike():
    """Every click is worth 2: the estimate is twice that of clicks."""
    log = world(3000, np.random.default_rng(8), conditional=False)
    clicks, money = (
        evaluate(
            log,
            [wanted()],
            np.random.default_rng(0),
            ["snips"],
            question=Question(reward=reward),
            expected=PLENTY,
        )[0]
        for reward in ("click", "value")
    )
    assert isinstance(clicks, Estimate)
    assert isinstance(money, Estimate)
    assert money.value == pytest.approx(2 * clicks.value)


@pytest.mark.parametrize(
    ("estimators", "question", "message"),
    [
        (["magic"], Question(), "an estimator out of replay, ips, .*, found 'magic'"),
        (
            ["ips"],
            Question(interval="exact"),
            "an interval out of normal, bootstrap, bernstein, found 'exact'",
        ),
        (
            ["ips"],
            Question(reward="likes"),
            "a reward out of click, conversion, value, found 'likes'",
        ),
    ],
)
def test_unknown_names_list_the_choices(estimators, question, message):
    with pytest.raises(ValueError, match=message):
        evaluate(
            paper_log(),
            [paper_target()],
            np.random.default_rng(0),
            estimators,
            question=question,
            expected=PLENTY,
        )


def test_a_bad_log_is_an_error_and_not_a_refusal():
    with pytest.raises(LogError, match="propensities"):
        evaluate(
            paper_log()._replace(propensity=np.zeros(6)),
            [fixed("f", np.full((1, 2, 3), 1 / 3))],
            np.random.default_rng(0),
            expected=PLENTY,
        )


def test_judging_and_searching_are_imported_with_numpy_alone():
    """What prints, plots or searches loads its packages when it is used."""
    code = (
        "import sys, bandits.tuning.evaluate_cli, bandits.tuning.report; "
        "print([name for name in ('rich', 'pymoo', 'matplotlib', 'scipy', 'streams', 'pandas', "
        "'obp') if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
