"""Bandit mathematics: pure functions over counts, NumPy only.

From events to slates, in the order of a request
    tally           a batch of events added to counts
    config          the policy file: `load_config`, `parse_config`, `DEFAULT`; read by `config_table`
    serve           `prepare` once per segment, `compose` once per batch of requests; types in `request`
    segment         the signals of a segment: policies, `objectives`, on one scale
    reach, screen   items that cannot reach the slate are left out, with a stated error
    draw, kept      draws of the rest
    combine         `COMBINERS`: weighted average, ranks, `interleave` (team draft), `pareto_order`; types in `signals`
    slate, order    the best k, with `constraints` and `diversity` (`DIVERSITY`: `mmr`, `dpp`; type in `diversifier`)
    board           all of it for one eligible set
    propensity      the probability of every item at its place
"""
