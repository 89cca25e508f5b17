"""Bandit mathematics: pure functions over counts, NumPy only. Imports go downwards in this table.

counts, arms    `Counts` (sums per (segment, item), additive over partitions); `ArmView`, `Policy`
learning        what counts say: `position` and `cascade` (examination), `delay` (pending feedback),
                `priors` made of `pooling`, `empirical_bayes`, `embedding_prior` and
                `change_detection`; `outcome_counts` adds events, `special` has Gamma and Beta
policies        `registry.POLICIES`, `make_policy`; one file each, `mixture` is the default
slates          `config` and `config_file` (the policy file); `serve`: `prepare` once per segment,
                `compose` once per batch of requests, from the pools of `snapshot_pools`; `segment`
                (scorers), `screening` and `reachable` (what cannot reach the slate), `sampling`
                and `sample_cache`, `combine` (`COMBINERS`), `composition` and `top_k` with
                `constraints` and `diversity`, `propensity`
ope             what another policy would have earned, from a log: `evaluate`, `ESTIMATORS`, one
                file each; `contract_log` and `open_bandit` read logs
tuning          weights of a policy file by search on a log: `search`, `nsga2`, `parameters`,
                `report`; `evaluate_cli` is `slatestream evaluate`
simulation      worlds with a known best slate, and learners; nothing in production imports it
"""
