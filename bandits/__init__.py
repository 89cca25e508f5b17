"""Bandit mathematics: pure functions over counts, NumPy only.

From counts to scores
    counts          `Counts`, `zeros`, `add`, `validate`, `rebase`: sums per (segment, item),
                    additive over partitions
    position, cascade   how much of an impression was a look; `estimate_examination` from randomised
                        logs
    delay           how many looks are evidence yet
    priors          `PriorConfig`, `strengths`, `learn`, `arm_view`: one segment as its policies see
                    it; made of
    pooling, strength, neighbours, forgetting   segments, learned strengths, embeddings, change
    arms            `ArmView`, `Policy`, `Need`, `posterior`
    policy          `POLICIES`, `make_policy`: `greedy`, `epsilon_greedy`, `random_order`,
                    `softmax`, `ucb1`, `kl_ucb`, `bayes_ucb`, `thompson`, `thompson_gaussian`,
                    `lin_ucb` and `lin_thompson` (over `linear`)
    blend           `default_policy`: half Thompson, half KL-UCB+
    special         Gamma and Beta functions

Worlds with a known best slate
    world, movielens   `World`, `movielens`: rates, who visits, delay, drift, arrivals
    simulate, learner  `simulate`, `CountsLearner`, `default_learner`: curves of regret

From events to slates, in the order of a request
    tally           a batch of events added to counts
    config          the policy file: `load_config`, `parse_config`, `DEFAULT`; read by
                    `config_table`
    serve           `prepare` once per segment, `compose` once per batch of requests; types in
                    `request`
    segment         the signals of a segment: policies, `objectives`, on one scale
    reach, screen   items that cannot reach the slate are left out, with a stated error
    draw, kept      draws of the rest
    combine         `COMBINERS`: weighted average, ranks, `interleave` (team draft), `pareto_order`;
                    types in `signals`
    slate, order    the best k, with `constraints` and `diversity` (`DIVERSITY`: `mmr`, `dpp`; type
                    in `diversifier`)
    board           all of it for one eligible set
    propensity      the probability of every item at its place

What another policy would have earned, from a log
    ope             `ESTIMATORS`, one file each; `log`, `target`, `sample`, `terms`, `intervals`,
                    `ess`, `reward_model`, `fit`, `served`
    evaluate        `evaluate`, `estimate`, `logged`: an `Estimate`, or a `Refusal` with the rows
                    that would do
    obd             the Open Bandit Dataset; logs in contract form: `ope.contract_log`, items:
                    `ope.items_file`
    pareto          weights of a policy file by NSGA-II on a log; what it turns: `knobs`; what it
                    leaves: `pareto_report`, `policy_file`
    evaluate_cli    `slatestream evaluate`; prints by `evaluate_output`
"""
