"""Off-policy evaluation beside obp, and against the truth:
`python -m tests.benchmarks ope [--logs N]`.

agreement   our estimates of the Open Bandit files (men; uniform and Thompson logs, 10,000 rows
            each) minus those of obp, given the same inputs; obp runs now when a Python has it
            (OBP_PYTHON, or build/peers), else as recorded in the tests
time        one estimate, from a log and a table of probabilities to the number; obp's figure leaves
            out making its arrays
coverage    how often 95% intervals hold a truth that is known, over logs with fewer and fewer
            rewards of any weight
crossing    the uniform policy judged on the log of the other policy, beside what it really earned
            in its own
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bandits.ope import ESTIMATORS
from bandits.ope.ess import Expected, Limits, TooLittleData, check_amount, effective_rows
from bandits.ope.estimate import Question
from bandits.ope.evaluate import evaluate, logged
from bandits.ope.intervals import INTERVALS
from bandits.ope.log import Shape
from bandits.ope.reward_model import RewardModel
from bandits.ope.sample import sample_of
from bandits.ope.target import fixed, uniform
from bandits.ope.terms import Sample, value
from tests.bandits.ope.obp_inputs import campaign, inputs
from tests.bandits.ope.test_obp import THEIRS, ours

ROOT = Path(__file__).parents[2]
TOLERANCE = 1e-9
# Click rate, rows, concentration of the logging and of the target policy (34 items; small: a few
# items have nearly all): from plenty of rewards to hardly any. Policies and click rates are drawn
# anew for every log.
WORLDS = (
    (0.05, 5000, 100.0, 1.0),
    (0.02, 5000, 1.0, 1.0),
    (0.02, 5000, 100.0, 0.1),
    (0.005, 5000, 100.0, 1.0),
    (0.005, 5000, 0.5, 50.0),
    (0.005, 5000, 100.0, 0.3),
    (0.005, 3000, 100.0, 0.3),
)


def ask_obp_now() -> tuple[str, dict]:
    """Whose figures they are, and obp's answers per log: of a Python that has it (OBP_PYTHON, or
    the peers'), else as recorded.
    """
    python = Path(os.environ.get("OBP_PYTHON", ROOT / "build/peers/bin/python"))
    if not python.is_file():
        why = "no Python with obp, see OBP_PYTHON"
    else:
        try:
            return "run now", {
                behaviour: ask_obp(python, behaviour) for behaviour in ("random", "bts")
            }
        except subprocess.CalledProcessError as error:  # obp 0.5.10 needs numpy < 2 and pandas < 3
            why = f"obp could not run: {error.stderr.strip().splitlines()[-1]}"
    return f"as recorded ({why})", {
        behaviour: {"values": THEIRS[behaviour], "seconds": {}} for behaviour in ("random", "bts")
    }


def ask_obp(python: Path, behaviour: str) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inputs.npz"
        np.savez(path, **inputs(behaviour))
        peer = Path(__file__).parent / "obp_peer.py"
        answer = subprocess.run(
            [python, peer, path, behaviour], capture_output=True, text=True, check=True
        )
    return json.loads(answer.stdout.splitlines()[-1])


def agreement() -> dict:
    source, answers = ask_obp_now()
    results: dict = {"obp": source, "logs": {}}
    for behaviour in ("random", "bts"):
        theirs = answers[behaviour]
        rows = {}
        for name in filter(THEIRS[behaviour].__contains__, ESTIMATORS):
            mine = ours(behaviour, name)
            rows[name] = {
                "ours": mine,
                "obp": theirs["values"][name],
                "difference": mine - theirs["values"][name],
            }
            rows[name]["obp_s"] = theirs["seconds"].get(name)
            rows[name]["ours_s"] = (
                seconds(behaviour, name) if ESTIMATORS[name].per == "row" else None
            )
        results["logs"][behaviour] = rows
    results["largest_difference"] = max(
        abs(row["difference"]) for rows in results["logs"].values() for row in rows.values()
    )
    results["agrees"] = results["largest_difference"] <= TOLERANCE
    return results


def seconds(behaviour: str, name: str) -> float:
    """The fastest of five, from log and table to the number."""
    given, log = inputs(behaviour), campaign(behaviour)
    target = fixed(name, given["ranking" if name == "replay" else "table"][None])
    model = RewardModel(given["q"][None], rewarded=100)
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        sample = sample_of(log, target, np.random.default_rng(0), model)
        if name != "replay" or sample.matched is not None:
            value(ESTIMATORS[name].terms(sample))
        taken.append(time.perf_counter() - start)
    return min(taken)


def coverage(reps: int) -> list[dict]:
    """Share of 95% intervals that hold the truth, of all logs and of those that are not refused."""
    rng = np.random.default_rng(1)
    rows = []
    for rate, n, logging, wanted in WORLDS:
        model = np.full(n, rate)
        hits: dict[str, list[bool]] = {
            f"{name} {interval}": []
            for name in ("snips", "dr")
            for interval in ("normal", "bootstrap")
        }
        hits["ips bernstein"] = []
        rewards, judged, lucky, errors = [], [], [], []
        for _ in range(reps):
            p = rng.dirichlet(np.full(34, logging)) * 0.9 + 0.1 / 34
            pi = rng.dirichlet(np.full(34, wanted))
            click = np.clip(rate * rng.lognormal(0, 0.5, 34), 0, 1)
            truth = float((pi * click).sum())
            item = rng.choice(34, n, p=p)
            sample = Sample(
                reward=(rng.random(n) < click[item]).astype(float),
                slate=np.arange(n),
                position=np.zeros(n, dtype=np.int64),
                weight=(pi / p)[item],
                q_logged=model,
                q_target=model,
            )
            rewards.append(effective_rows(sample.weight) * float(sample.reward.mean()))
            before = (rng.random(n) < click[rng.choice(34, n, p=p)]).mean()  # the part not judged
            judged.append(enough(sample, max(float(before), 1 / n)))
            lucky.append(enough_by_own_rewards(sample))
            errors.append(value(ESTIMATORS["snips"].terms(sample)) / truth - 1)
            for column, held in hits.items():
                name, interval = column.split()
                low, high = INTERVALS[interval](
                    ESTIMATORS[name].terms(sample), 0.95, rng, float((pi / p).max())
                )
                held.append(low <= truth <= high)
        row = {
            "click_rate": rate,
            "rows": n,
            "effective_rewards": float(np.mean(rewards)),
            "judged": float(np.mean(judged)),
            "error": float(np.mean(np.array(errors)[judged])) if any(judged) else None,
            "judged_by_own_rewards": float(np.mean(lucky)),
            "error_by_own_rewards": float(np.mean(np.array(errors)[lucky])) if any(lucky) else None,
        }
        row["covered"] = {column: float(np.mean(held)) for column, held in hits.items()}
        row["covered_when_judged"] = {
            column: float(np.mean(np.array(held)[judged])) if any(judged) else None
            for column, held in hits.items()
        }
        rows.append(row)
    return rows


def enough(sample: Sample, share: float) -> bool:
    """Whether rows that pay this share would be judged."""
    try:
        check_amount(sample.weight, share, Limits())
    except TooLittleData:
        return False
    return True


def enough_by_own_rewards(sample: Sample) -> bool:
    """Whether they would be, if the judged rows' own rewards decided."""
    seen = int(((sample.weight > 0) & (sample.reward != 0)).sum())
    least = Limits().min_rewarded
    return enough(sample, max(float(sample.reward.mean()), 1e-9)) and seen >= least / 2


def crossing() -> dict:
    """What the uniform policy earned in its own log, and what the Thompson log says
    that it would.
    """
    rng = np.random.default_rng(0)
    really = logged(campaign("random"), rng)
    limits = Limits(min_ess=0.0, min_rewarded=0.0)
    result = {"really": really._asdict()}
    for kind, question in (
        ("judged", Question()),
        ("were_it_not_refused", Question(limits=limits)),
    ):
        answers = evaluate(
            campaign("bts"),
            [uniform(Shape(1, 3, 34))],
            rng,
            ["ips", "snips"],
            question=question,
            expected=Expected(0.005, 0.005, 0.005, 0.07),
        )
        result[kind] = [answer._asdict() for answer in answers]
    return result


def run(options: list[str]) -> dict:
    parser = argparse.ArgumentParser(prog="bench ope")
    parser.add_argument("--logs", type=int, default=400, help="logs per row of the coverage table")
    reps = parser.parse_args(options).logs
    results = {
        "agreement": agreement(),
        "coverage": coverage(reps),
        "crossing": crossing(),
        "logs": reps,
    }
    console = Console(width=150, highlight=False)
    same = results["agreement"]
    table = Table(
        title=f"Open Bandit files: ours beside obp, {same['obp']}; largest difference "
        f"{same['largest_difference']:.1e}"
    )
    for name in ("log", "estimator", "ours", "obp", "difference", "ours, ms", "obp, ms"):
        table.add_column(name, justify="left" if name in ("log", "estimator") else "right")
    for behaviour, rows in same["logs"].items():
        for name, row in rows.items():
            times = [
                "" if row[key] is None else f"{1000 * row[key]:.1f}" for key in ("ours_s", "obp_s")
            ]
            table.add_row(
                behaviour,
                name,
                f"{row['ours']:.9f}",
                f"{row['obp']:.9f}",
                f"{row['difference']:.1e}",
                *times,
            )
    console.print(table)
    table = Table(
        title=f"95% intervals that hold the truth, {reps} logs each (those not refused in brackets)"
    )
    for name in (
        "click rate",
        "effective rewards",
        "not refused",
        "mean error",
        "by own rewards",
        "mean error",
        *results["coverage"][0]["covered"],
    ):
        table.add_column(name, justify="right")
    for row in results["coverage"]:
        cells = []
        for column, share in row["covered"].items():
            kept = row["covered_when_judged"][column]
            cells.append(f"{share:.0%} ({'-' if kept is None else f'{kept:.0%}'})")
        table.add_row(
            f"{row['click_rate']:.1%}",
            f"{row['effective_rewards']:.1f}",
            f"{row['judged']:.0%}",
            "-" if row["error"] is None else f"{row['error']:+.1%}",
            f"{row['judged_by_own_rewards']:.0%}",
            "-" if row["error_by_own_rewards"] is None else f"{row['error_by_own_rewards']:+.1%}",
            *cells,
        )
    console.print(table)
    print_crossing(console, results["crossing"])
    return results


def print_crossing(console: Console, crossing: dict) -> None:
    really = crossing["really"]
    console.print(
        f"uniform policy in its own log: {really['value']:.5f} ({really['low']:.5f} to "
        f"{really['high']:.5f})"
    )
    for judged, bare in zip(crossing["judged"], crossing["were_it_not_refused"], strict=True):
        number = f"{bare['value']:.5f} ({bare['low']:.5f} to {bare['high']:.5f})"
        refused = f"; refused: {judged['reason']}" if "reason" in judged else ""
        console.print(f"judged on the other policy's log by {bare['estimator']}: {number}{refused}")
