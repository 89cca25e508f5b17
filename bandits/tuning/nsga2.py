"""NSGA-II, as pymoo has it: the non-dominated points of several goals.

Deb, Pratap, Agarwal & Meyarivan (2002), A Fast and Elitist Multiobjective Genetic Algorithm:
NSGA-II. Needs the extra `tune`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from bandits.ope.log import F64
from bandits.tuning.parameters import SearchError


def nsga2(
    goals_of: Callable[[F64], tuple[F64, float]],
    n_goals: int,
    bounds: F64,
    size: int,
    generations: int,
    seed: int,
) -> F64:
    """Return the non-dominated points (n, n_parameters) that NSGA-II finds when it maximises; none
    when all are infeasible.

    Parameters
    ----------
    goals_of
        Parameters (n_parameters,) -> goals (n_goals,) and the violation, above 0 where the point
        does not count.
    n_goals
        How many goals there are.
    bounds
        Lowest and highest value of each parameter, (n_parameters, 2).
    size, generations, seed
        As in `Search`.

    Raises
    ------
    SearchError
        pymoo is not installed.
    """
    try:
        from pymoo.algorithms.moo.nsga2 import NSGA2
        from pymoo.core.problem import ElementwiseProblem
        from pymoo.optimize import minimize
    except ImportError as error:
        msg = (
            f"expected the package pymoo for a Pareto search, found none ({error}); pip install "
            "'slatestream[tune]'"
        )
        raise SearchError(msg) from None
    low, high = bounds[:, 0], bounds[:, 1]
    rng = np.random.default_rng(seed)
    first = rng.uniform(low, high, (size, low.size))  # (size, n_parameters)
    # all parameters up, and each alone
    corners = np.vstack([high, np.where(np.eye(low.size, dtype=bool), high, low)])[:size]
    first[: corners.shape[0]] = corners

    class Problem(ElementwiseProblem):  # type: ignore[misc]
        def _evaluate(self, x: F64, out: dict[str, Any], *_: Any, **__: Any) -> None:
            goals, violation = goals_of(x)
            out["F"], out["G"] = -goals, [violation]

    problem = Problem(n_var=low.size, n_obj=n_goals, n_ieq_constr=1, xl=low, xu=high)
    result = minimize(
        problem,
        NSGA2(pop_size=size, sampling=first),
        ("n_gen", generations),
        seed=seed,
        verbose=False,
    )
    return np.zeros((0, low.size)) if result.X is None else np.atleast_2d(result.X)
