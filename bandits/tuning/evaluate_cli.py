"""`slatestream evaluate`: judge policies on a log that another policy made, or search the weights
of a policy file on it.

The log is cut in time: policies learn from the first part and are judged on the rest.
docs/evaluation.md explains the answers.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from bandits.ope import ESTIMATORS
from bandits.ope.contract_log import (
    Joining,
    read_contract,
)
from bandits.ope.ess import Limits, TooLittleData, expected_rewards
from bandits.ope.estimate import Estimate, Question, Refusal
from bandits.ope.evaluate import evaluate, logged
from bandits.ope.fit import counts_of
from bandits.ope.items_file import read_items, unlogged_items
from bandits.ope.log import LoadedLog, Log, LogError, split
from bandits.ope.open_bandit import installed_campaign, read_obd
from bandits.ope.reward_model import fit_reward_model
from bandits.ope.served import logged_catalogue, served
from bandits.ope.support import few
from bandits.ope.target import Target, from_policy, uniform
from bandits.policies.registry import POLICIES
from bandits.slates.config import DEFAULT, SlateConfig
from bandits.slates.config_file import load_config
from bandits.slates.request import Catalogue
from bandits.tuning.evaluate_arguments import INSTALLED
from bandits.tuning.parameters import SearchError
from bandits.tuning.search import (
    Parts,
    Search,
    make_bench,
    make_point,
    pareto_search,
)

DONE, FAILED = 0, 1
FIT_SHARE = 0.4  # of a searched log; what is left is halved between searching and judging


def run(args: argparse.Namespace) -> int:
    """Judge, or search; 0 when there is an answer, 1 when there is none and the reason is said."""
    try:
        loaded = _read(args)
        return _search(args, loaded) if args.search is not None else _evaluate(args, loaded)
    except (ValueError, OSError) as error:
        # every error of this package is a ValueError that says what to do
        sys.stderr.write(f"slatestream: {' '.join(str(error).split())}\n")
        return FAILED


def _read(args: argparse.Namespace) -> LoadedLog:
    if args.log.startswith(INSTALLED):
        behaviour, _, campaign = args.log.removeprefix(INSTALLED).partition("/")
        return read_obd(installed_campaign(behaviour, campaign), args.segment_fields)
    path = Path(args.log)
    if path.is_dir():
        return read_obd(path, args.segment_fields)
    joining = Joining(
        args.attribution_window_s,
        args.conversion_window_s,
        args.segment_fields,
        args.drop_unknown,
        args.first_position,
    )
    return read_contract(path, args.clicks, joining, args.slates)


def _question(args: argparse.Namespace) -> Question:
    limits = Limits(args.min_ess, args.min_rewards, args.max_relative_width)
    return Question(args.reward, args.confidence, args.interval, limits, args.conditional)


def _evaluate(args: argparse.Namespace, loaded: LoadedLog) -> int:
    from bandits.tuning.evaluate_output import as_record, json_line, print_results

    unknown = [name for name in args.estimators if name not in ESTIMATORS]
    if unknown:
        msg = f"expected estimators out of {', '.join(ESTIMATORS)}, found {', '.join(unknown)}"
        raise LogError(msg)
    train, test = split(loaded.log, args.train_share)
    rng = np.random.default_rng(args.seed)
    question = _question(args)
    targets = _targets(args, train, loaded, rng)
    _note_unknown_segments(train, test, loaded.segments)
    model = fit_reward_model(train, loaded.shape, args.reward)
    per = dict.fromkeys(ESTIMATORS[name].per for name in args.estimators)
    results: list[Estimate | Refusal] = [logged(test, rng, kind, question) for kind in per]
    judged = evaluate(
        test,
        targets,
        rng,
        args.estimators,
        model,
        question,
        loaded.items,
        expected=expected_rewards(train, args.reward),
    )
    results += judged
    if args.json:
        for result in results:
            json_line(as_record(result))
    else:
        parts = (
            f"learned from {train.item.size:,} impressions, judged on the next {test.item.size:,}"
        )
        print_results(results, f"{args.reward} by policy: {parts}")
    return DONE if any(isinstance(result, Estimate) for result in judged) else FAILED


def _targets(
    args: argparse.Namespace, train: Log, loaded: LoadedLog, rng: np.random.Generator
) -> list[Target]:
    """Return the policies that were asked for; by default the default policy file and the uniform
    policy.
    """
    items = _catalogue(args, train, loaded)
    files = [(str(path), load_config(path)) for path in args.policy_file]
    if not files and not args.policy:
        files.append(("default file", DEFAULT))
    targets = [served(name, config, train, loaded.shape, rng, items) for name, config in files]
    counts = counts_of(train, loaded.shape)
    vectors = None if items.vectors is None else items.vectors.astype(np.float64)
    for name in args.policy or ["uniform"]:
        if name == "uniform":
            targets.append(uniform(loaded.shape))
        else:
            targets.append(
                from_policy(POLICIES[name](), counts, loaded.shape, rng, vectors=vectors)
            )
    return targets


def _catalogue(args: argparse.Namespace, train: Log, loaded: LoadedLog) -> Catalogue:
    if args.items is None:
        return logged_catalogue(train, loaded.shape)
    strange = unlogged_items(args.items, loaded)
    if strange:
        sys.stderr.write(
            f"slatestream: note: the log never shows {len(strange)} of the items in {args.items} "
            f"({few(strange)}): policies are judged as if they did not exist\n"
        )
    return read_items(args.items, loaded, train)


def _note_unknown_segments(train: Log, test: Log, segments: list[str]) -> None:
    """Say which segments the policies know nothing of: they are judged there by their priors."""
    new = ~np.isin(test.segment, train.segment)  # (n,)
    if new.any():
        names = [segments[number] for number in np.unique(test.segment[new])]
        sys.stderr.write(
            f"slatestream: note: the first part of the log never shows the segment "
            f"{few(names)} ({new.mean():.0%} of what is judged): policies know nothing of it\n"
        )


def _search(args: argparse.Namespace, loaded: LoadedLog) -> int:
    from bandits.slates.policy_file import dump_config
    from bandits.tuning.evaluate_output import front_records, json_line, print_front, progress
    from bandits.tuning.report import describe, write_front

    if (args.point is None) != (args.write is None):
        msg = (
            "expected --point and --write together, found one of them; --point 3 --write "
            "policy.toml"
        )
        raise SearchError(msg)
    fit, rest = split(loaded.log, FIT_SHARE)
    search_part, judge_part = split(rest, 0.5)
    search = Search(
        args.goals,
        args.parameters,
        args.search_estimator,
        args.size,
        args.generations,
        args.seed,
        _question(args),
    )
    parts = Parts(fit, search_part, judge_part, loaded.shape)
    bench = make_bench(parts, _base(args), search, _catalogue(args, fit, loaded))
    with progress() as bar:
        task = bar.add_task("candidates", total=search.size * search.generations)
        points = pareto_search(bench, lambda: bar.advance(task))
    try:
        base = make_point(bench, {})
    except TooLittleData:
        base = None  # the file as it is cannot be judged; the front can
    write_front(points, args.search, base)
    if args.json:
        for record in front_records(points, base, args.search):
            json_line(record)
    else:
        print_front(points, base, args.search)
    if args.write is not None:
        if not 0 <= args.point < len(points):
            msg = f"expected a point from 0 to {len(points) - 1}, found {args.point}"
            raise SearchError(msg)
        chosen = points[args.point]
        args.write.write_text(
            dump_config(chosen.config, describe(args.point, chosen)), encoding="utf-8"
        )
    return DONE


def _base(args: argparse.Namespace) -> SlateConfig:
    if len(args.policy_file) > 1 or args.policy:
        found = [*map(str, args.policy_file), *(args.policy or [])]
        msg = f"expected at most one policy file to start the search from, found {', '.join(found)}"
        raise SearchError(msg)
    return load_config(args.policy_file[0]) if args.policy_file else DEFAULT
