"""A refresh from raw events to a release that a worker accepts; cut off anywhere, it
goes on there.
"""

from __future__ import annotations

import fcntl
from pathlib import Path

import msgspec
import numpy as np
import pytest

from encoder.corpus.source import Source
from encoder.corpus.teacher import Teacher
from encoder.release import refresh as module
from encoder.release.refresh import RefreshError, corpus_of, refresh
from encoder.release.refresh_config import Plan, PlanError
from encoder.release.shelf import Shelf, in_force
from encoder.serving.artifact import ArtifactError, load
from encoder.serving.text import item_text
from encoder.serving.wire import Thresholds
from tests.encoder.making import catalogue, clicks, static_artifact, tiny_teacher
from tests.encoder.release.test_publish import worker


@pytest.fixture
def shelf(local_shelf: Shelf) -> Shelf:
    """What is tested here does not hang on the broker: one will do."""
    return local_shelf


def source(n: int = 60) -> Source:
    items = catalogue(n)
    return Source(items, clicks(items), {})


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_teacher(tmp_path_factory.mktemp("teacher"))


@pytest.fixture
def plan(teacher: Path) -> Plan:
    """Some updates of a student of one layer: bad vectors, by the whole way."""
    train = {
        "steps": [{"step": "keep_layers", "keep": [0]}],
        "dim": 8,
        "updates": 4,
        "batch": 16,
        "augmented": 0.5,
        "max_tokens": 16,
        "half": False,
        "device": "cpu",
    }
    gate = Thresholds(drop={"ndcg@10": 1.0})
    return Plan(teacher=str(teacher), method="train", train=train, gate=gate)


@pytest.fixture
def quick_plan(teacher: Path) -> Plan:
    return Plan(
        teacher=str(teacher),
        method="quick",
        quick={"dim": 8},
        gate=Thresholds(drop={"ndcg@10": 1.0}),
    )


def test_trained_release_reaches_a_worker(shelf: Shelf, plan: Plan, tmp_path: Path) -> None:
    said: list[str] = []
    reported: set[str] = set()
    outcome = refresh(
        source, msgspec.structs.replace(plan, recall=True), shelf, tmp_path / "work", 1000.0,
        report=lambda what, done, all_of: reported.add(what), say=said.append,
    )  # fmt: skip
    assert outcome.reasons == []
    assert outcome.release is not None
    assert {"ndcg@10", "recall@10", "bytes", "items_per_s"} <= outcome.release.metrics.keys()
    current = worker(shelf).current()
    assert current is not None
    assert current.version == outcome.release.version
    assert current.matrix.shape == (60, 8)
    kept = load(shelf.folder / outcome.release.artifact)
    assert kept.kind == "onnx"
    assert [step["step"] for step in kept.card.steps] == ["train", "trim_vocabulary", "quantize"]
    assert kept.card.metrics["ndcg@10"] == outcome.release.metrics["ndcg@10"]
    assert said[0] == "corpus: 60 items, 240 clicks and conversions"
    assert {"training", "embedding the catalogue"} <= reported
    assert not (tmp_path / "work" / "run").exists()


def test_by_default_the_teacher_itself_is_compressed_and_nothing_is_trained(
    shelf: Shelf, plan: Plan, tmp_path: Path
) -> None:
    reported: list[str] = []
    outcome = refresh(
        source,
        Plan(teacher=plan.teacher, recall=True, gate=plan.gate),
        shelf,
        tmp_path / "work",
        1000.0,
        report=lambda what, done, all_of: reported.append(what),
    )
    assert outcome.release is not None
    assert outcome.release.metrics["recall@10"] > 0.9  # what 4 and 8 bits leave
    kept = load(shelf.folder / outcome.release.artifact)
    assert [step["step"] for step in kept.card.steps] == ["trim_vocabulary", "quantize"]
    assert "training" not in reported
    assert {"compressing: quantize", "embedding the catalogue"} <= set(reported)


def test_by_default_the_figures_choose_and_the_output_says_which_and_why(
    shelf: Shelf, quick_plan: Plan, tmp_path: Path
) -> None:
    """A table of eight numbers a token knows far fewer neighbours than the teacher does."""
    said: list[str] = []
    release = refresh(source, quick_plan, shelf, tmp_path / "work", 1000.0, say=said.append).release
    assert release is not None
    assert release.catalogue == "teacher", said
    assert release.metrics["cosine_to_catalogue"] > 0.5
    assert release.metrics["recall_new@10"] > release.metrics["student_recall_catalogue@10"]
    assert said[1].startswith(
        "the catalogue has the teacher's vectors (the teacher's against the student's: ndcg@10"
    )
    again = refresh(source, quick_plan, shelf, tmp_path / "work", 2000.0).release
    assert again is not None
    assert again.baseline["ndcg@10"] == pytest.approx(again.metrics["ndcg@10"])
    assert again.baseline["recall_new@10"] == pytest.approx(again.metrics["recall_new@10"])


@pytest.mark.parametrize("method", ["compress", "quick"])
@pytest.mark.parametrize("made_by", ["teacher", "student"])
def test_plan_says_who_makes_the_catalogues_vectors(
    shelf: Shelf, plan: Plan, quick_plan: Plan, tmp_path: Path, made_by: str, method: str
) -> None:
    """Also where the student has fewer dimensions than the teacher: the catalogue has as many."""
    wanted = Plan(teacher=plan.teacher, gate=plan.gate) if method == "compress" else quick_plan
    wanted = msgspec.structs.replace(wanted, catalogue=made_by)
    reported: set[str] = set()
    release = refresh(
        source, wanted, shelf, tmp_path / "work", 1000.0,
        report=lambda what, done, all_of: reported.add(what),
    ).release  # fmt: skip
    assert release is not None
    assert release.catalogue == made_by
    assert release.dim == (32 if method == "compress" else 8)
    assert ("the teacher reads the catalogue" in reported) == (made_by == "teacher")


def test_second_refresh_is_compared_with_the_first(
    shelf: Shelf, quick_plan: Plan, tmp_path: Path
) -> None:
    first = refresh(source, quick_plan, shelf, tmp_path / "work", 1000.0).release
    assert first is not None
    other = msgspec.structs.replace(quick_plan, quick={"dim": 6})
    second = refresh(lambda: source(50), other, shelf, tmp_path / "work", 2000.0).release
    assert second is not None
    assert (second.previous, second.items, second.dim) == (first.version, 50, 6)
    assert second.baseline.keys() >= {"ndcg@10"}


def test_run_of_the_next_night_reads_new_texts_alone(
    shelf: Shelf, quick_plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Making the encoder apart: `quick` has the teacher read a sample."""
    work, read = tmp_path / "work", []
    refresh(lambda: source(50), quick_plan, shelf, work, 1000.0)
    embed = Teacher.embed
    monkeypatch.setattr(
        Teacher, "embed", lambda self, texts: read.extend(texts) or embed(self, texts)
    )
    static = static_artifact(tmp_path / "encoder")
    monkeypatch.setattr(module, "make_encoder", lambda *_: static)
    refresh(source, quick_plan, shelf, work, 2000.0)
    texts = [{item_text(item) for item in source(n).items} for n in (50, 60)]
    assert set(read) == texts[1] - texts[0]


def test_refused_refresh_keeps_the_release_and_the_refused_encoder(
    shelf: Shelf, quick_plan: Plan, tmp_path: Path
) -> None:
    first = refresh(source, quick_plan, shelf, tmp_path / "work", 1000.0).release
    strict = msgspec.structs.replace(quick_plan, gate=Thresholds(minimum={"ndcg@10": 0.99}))
    outcome = refresh(source, strict, shelf, tmp_path / "work", 2000.0)
    assert outcome.release is None
    assert "ndcg@10: expected at least 0.9900" in outcome.reasons[0]
    assert in_force(shelf) == first
    assert load(tmp_path / "work" / "refused").kind == "static"
    assert not (tmp_path / "work" / "run").exists()


class CutOff(BaseException):
    """Stands for a process that is killed."""


@pytest.mark.parametrize("where", ["train", "compress", "compare", "publish"])
def test_run_that_was_cut_off_goes_on_where_it_was(
    shelf: Shelf, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    import encoder.compress
    import encoder.training.train

    home = {
        "train": encoder.training.train,
        "compress": encoder.compress,
        "compare": module,
        "publish": module,
    }[where]
    called: list[str] = []

    def counted(name: str, inner: object) -> object:
        def call(*args: object, **options: object) -> object:
            called.append(name)
            return inner(*args, **options)  # type: ignore[operator]

        return call

    def dies(*args: object, **options: object) -> None:
        raise CutOff

    with monkeypatch.context() as patch:
        patch.setattr(home, where, dies)
        with pytest.raises(CutOff):
            refresh(source, plan, shelf, tmp_path / "work", 1000.0)
    assert in_force(shelf) is None
    monkeypatch.setattr(
        encoder.training.train, "train", counted("train", encoder.training.train.train)
    )
    monkeypatch.setattr(
        encoder.compress, "compress", counted("compress", encoder.compress.compress)
    )
    outcome = refresh(
        lambda: pytest.fail("the corpus was read twice"), plan, shelf, tmp_path / "work", 2000.0
    )
    assert outcome.release is not None
    assert in_force(shelf) == outcome.release
    assert (
        called
        == {"train": ["train", "compress"], "compress": ["compress"], "compare": [], "publish": []}[
            where
        ]
    )


@pytest.mark.parametrize("change", ["plan", "age", "damage"])
def test_run_that_does_not_fit_starts_anew(
    shelf: Shelf, quick_plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    def dies(*args: object, **options: object) -> None:
        raise CutOff

    with monkeypatch.context() as patch:
        patch.setattr(module, "publish", dies)
        with pytest.raises(CutOff):
            refresh(source, quick_plan, shelf, tmp_path / "work", 1000.0)
    if change == "damage":
        (tmp_path / "work" / "run" / "run.json").write_text("{")
    plan = msgspec.structs.replace(quick_plan, quick={"dim": 6}) if change == "plan" else quick_plan
    reads: list[int] = []
    now_s = 1000.0 + (2 * 86_400 if change == "age" else 60)
    outcome = refresh(lambda: reads.append(1) or source(), plan, shelf, tmp_path / "work", now_s)
    assert reads == [1]
    assert outcome.release is not None
    assert outcome.release.dim == (6 if change == "plan" else 8)


def test_half_written_encoder_is_made_again(
    shelf: Shelf, quick_plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*args: object, **options: object) -> None:
        raise CutOff

    with monkeypatch.context() as patch:
        patch.setattr(module, "publish", dies)
        with pytest.raises(CutOff):
            refresh(source, quick_plan, shelf, tmp_path / "work", 1000.0)
    (tmp_path / "work" / "run" / "encoder" / "scale.npy").unlink()
    assert refresh(source, quick_plan, shelf, tmp_path / "work", 1001.0).release is not None


def test_two_refreshes_at_once_are_refused(quick_plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    with (tmp_path / "work" / "lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(RefreshError, match="found another"):
            refresh(source, quick_plan, Shelf({}, None, tmp_path), tmp_path / "work", 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"train": {"upates": 3}}, "train: expected .*found upates"),
        ({"train": {"updates": "many"}}, r"\$\.updates"),
        (
            {"method": "quick", "quick": {"size": 3}},
            "quick: expected dim, threads, tokens, found size",
        ),
    ],
)
def test_plan_that_does_not_fit_is_named(
    plan: Plan, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    bad = msgspec.structs.replace(plan, **change)
    with pytest.raises(PlanError, match=said):
        refresh(source, bad, Shelf({}, None, tmp_path), tmp_path / "work", 1.0)  # type: ignore[arg-type]


def test_teacher_that_is_not_there_is_named(plan: Plan, tmp_path: Path) -> None:
    bad = msgspec.structs.replace(plan, teacher=str(tmp_path / "nothing"))
    with pytest.raises(ArtifactError, match="nothing: expected the directory or name"):
        refresh(source, bad, Shelf({}, None, tmp_path), tmp_path / "work", 1.0)  # type: ignore[arg-type]


def test_quick_reads_the_same_texts_as_the_catalogue(quick_plan: Plan, tmp_path: Path) -> None:
    corpus = corpus_of(source(), quick_plan)
    artifact = module.make_encoder(
        corpus, quick_plan, tmp_path, tmp_path, lambda what, done, all_of: None
    )
    assert artifact.card.steps[0]["items"] == len(set(corpus.texts))
    assert np.isfinite(artifact.card.metrics["cosine"])
