"""docs/evaluation.md says what there is, and what it shows runs."""

import argparse
import re
import shlex
from pathlib import Path

import pytest

from bandits.ope import ESTIMATORS
from bandits.ope.intervals import INTERVALS
from bandits.tuning import evaluate_arguments
from bandits.tuning.parameters import GOALS, PARAMETERS
from streams.cli import main

TEXT = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def parser() -> argparse.ArgumentParser:
    outer = argparse.ArgumentParser(prog="slatestream")
    evaluate_arguments.add_parser(outer.add_subparsers())
    return outer


@pytest.mark.parametrize("name", [*ESTIMATORS, *INTERVALS, *GOALS, *PARAMETERS])
def test_every_choice_stands_in_the_docs(name):
    assert f"`{name}`" in TEXT


def test_every_option_stands_in_the_docs():
    text = parser()._subparsers._group_actions[0].choices["evaluate"].format_help()
    for option in sorted(set(re.findall(r"--[a-z-]+", text)) - {"--help"}):
        assert option in TEXT, option


def test_commands_are_valid_and_those_on_installed_data_run(capsys):
    commands = [line for block in blocks("sh") for line in block.strip().splitlines()]
    assert len(commands) >= 2
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "slatestream"
        parser().parse_args(arguments)
        if "obd:" in command:
            assert main(arguments, {}) == 0
            assert "logged" in capsys.readouterr().out


def test_the_python_example_runs(capsys):
    (code,) = blocks("python")
    exec(compile(code, "docs/evaluation.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 4
    assert printed[0].startswith("Estimate(policy='thompson', estimator='snips'")
    assert printed[2].startswith("Refusal(policy='always item 3'")
