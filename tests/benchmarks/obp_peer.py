"""Estimates by the true obp (`sb-obp==0.5.10`), run by a Python that has it:
`python obp_peer.py INPUTS.npz BEHAVIOUR`.

Prints one JSON object, estimator -> value, and the seconds that one estimate took.
"""

import json
import sys
import time

import numpy as np


def rows(arrays: dict) -> dict:
    from obp.ope import (
        DirectMethod,
        DoublyRobust,
        InverseProbabilityWeighting,
        ReplayMethod,
        SelfNormalizedDoublyRobust,
        SelfNormalizedInverseProbabilityWeighting,
    )

    n = arrays["action"].size
    action_dist = np.repeat(arrays["table"].T[None], n, axis=0)  # (n, n_items, n_positions)
    given = {name: arrays[name] for name in ("action", "position", "reward", "pscore")}
    given["action_dist"] = action_dist
    given["estimated_rewards_by_reg_model"] = np.repeat(arrays["q"].T[None], n, axis=0)
    answers, seconds = {}, {}
    for name, estimator in {
        "ips": InverseProbabilityWeighting(),
        "snips": SelfNormalizedInverseProbabilityWeighting(),
        "dm": DirectMethod(),
        "dr": DoublyRobust(),
        "sndr": SelfNormalizedDoublyRobust(),
        "replay": ReplayMethod(),
    }.items():
        if name == "replay":
            given["action_dist"] = np.repeat(arrays["ranking"].T[None], n, axis=0)
        start = time.perf_counter()
        answers[name] = float(estimator.estimate_policy_value(**given))
        seconds[name] = time.perf_counter() - start
    return {"values": answers, "seconds": seconds}


def slates(arrays: dict) -> dict:
    from obp.ope import (
        SelfNormalizedSlateIndependentIPS,
        SelfNormalizedSlateRewardInteractionIPS,
        SlateCascadeDoublyRobust,
        SlateIndependentIPS,
        SlateRewardInteractionIPS,
        SlateStandardIPS,
    )

    n_positions, n_items = arrays["table"].shape
    action, position = arrays["slate_action"], arrays["slate_position"]
    target, logged = arrays["table"][position, action], arrays["slate_pscore"]
    common = {
        "slate_id": arrays["slate_id"],
        "reward": arrays["slate_reward"],
        "position": position,
    }
    marginal = {"pscore_item_position": logged, "evaluation_policy_pscore_item_position": target}
    cascade = {
        "pscore_cascade": np.cumprod(logged.reshape(-1, n_positions), axis=1).ravel(),
        "evaluation_policy_pscore_cascade": np.cumprod(
            target.reshape(-1, n_positions), axis=1
        ).ravel(),
    }
    whole = {
        "pscore": np.repeat(cascade["pscore_cascade"][n_positions - 1 :: n_positions], n_positions),
        "evaluation_policy_pscore": np.repeat(
            cascade["evaluation_policy_pscore_cascade"][n_positions - 1 :: n_positions], n_positions
        ),
    }
    n_slates = action.size // n_positions
    expected = (arrays["table"] * arrays["q"]).sum(axis=1)  # (n_positions,)
    # (n_positions,) of the rest of the slate
    below = np.concatenate([np.cumsum(expected[::-1])[::-1][1:], [0.0]])
    q_rest = arrays["q"] + below[:, None]  # (n_positions, n_items)
    dr = cascade | {
        "action": action,
        "q_hat": np.tile(q_rest.ravel(), n_slates),
        "evaluation_policy_action_dist": np.tile(arrays["table"].ravel(), n_slates),
    }
    size = {"len_list": n_positions}
    answers = {
        "iips": SlateIndependentIPS(**size).estimate_policy_value(**common, **marginal),
        "sniips": SelfNormalizedSlateIndependentIPS(**size).estimate_policy_value(
            **common, **marginal
        ),
        "rips": SlateRewardInteractionIPS(**size).estimate_policy_value(**common, **cascade),
        "snrips": SelfNormalizedSlateRewardInteractionIPS(**size).estimate_policy_value(
            **common, **cascade
        ),
        "sips": SlateStandardIPS(**size).estimate_policy_value(**common, **whole),
        "cascade_dr": SlateCascadeDoublyRobust(
            **size, n_unique_action=n_items
        ).estimate_policy_value(**common, **dr),
    }
    return {"values": {name: float(value) for name, value in answers.items()}, "seconds": {}}


def own_reader(arrays: dict, behaviour: str) -> dict:
    """IPS on the file as obp itself reads it, so that our reader is compared too."""
    from obp.dataset import OpenBanditDataset
    from obp.ope import InverseProbabilityWeighting

    feedback = OpenBanditDataset(
        behavior_policy=behaviour, campaign="men"
    ).obtain_batch_bandit_feedback()
    given = {name: feedback[name] for name in ("action", "position", "reward", "pscore")}
    # (n, n_items, n_positions)
    action_dist = np.repeat(arrays["table"].T[None], feedback["n_rounds"], axis=0)
    value = InverseProbabilityWeighting().estimate_policy_value(**given, action_dist=action_dist)
    return {"values": {"ips_as_read_by_obp": float(value)}, "seconds": {}}


if __name__ == "__main__":
    given = dict(np.load(sys.argv[1]))
    first = rows(given)
    second = {key: slates(given)[key] | own_reader(given, sys.argv[2])[key] for key in first}
    sys.stdout.write(json.dumps({key: first[key] | second[key] for key in first}) + "\n")
