"""Training on a tiny teacher: it learns, it resumes, and it never looks at what is held out."""

from __future__ import annotations

import dataclasses
import itertools

import msgspec
import numpy as np
import pytest
import torch

from encoder.compress import compress
from encoder.compress.project import unit_vectors
from encoder.compress.student import load_model
from encoder.corpus.teacher import load_teacher
from encoder.release.evaluate import judge
from encoder.serving.embed import Embedder
from encoder.training import train as module
from encoder.training.checkpoint import Checkpoint
from encoder.training.quantisation_aware import Rounded
from encoder.training.train import train
from encoder.training.train_config import TrainConfig
from tests.encoder.tiny import corpus, save_teacher

CORPUS = corpus(200)
STEPS = ({"step": "keep_layers", "keep": [0, 2]}, {"step": "trim_vocabulary", "minimum": 1})


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return save_teacher(tmp_path_factory.mktemp("teacher"))


@pytest.fixture
def config(teacher):
    return TrainConfig(
        teacher=str(teacher),
        steps=STEPS,
        dim=16,
        updates=20,
        batch=32,
        augmented=1.0,
        learning_rate=3e-3,
        threads=1,
        save_every_s=0.0,
        half=False,
    )


def test_training_brings_the_student_nearer_to_the_teacher(config, tmp_path):
    taught = load_teacher(config.teacher).embed(CORPUS.texts)
    figures = []
    # so that there is something left to learn
    narrow = [*STEPS, {"step": "prune", "heads": 1, "units": 4}]
    for updates in (1, 150):
        made = train(
            CORPUS,
            msgspec.structs.replace(config, steps=narrow, updates=updates),
            tmp_path / str(updates),
            labels=tmp_path / "labels",
        )
        figures.append(
            judge(unit_vectors(load_model(made), CORPUS.texts).numpy(), CORPUS, taught)["recall@10"]
        )
    assert figures[1] > figures[0] + 0.1


def test_behaviour_moves_what_is_chosen_together(config, tmp_path):
    """With the weight on clicks alone, clicked pairs come closer than they are under distillation
    alone.
    """

    def closeness(weights, name):
        changed = msgspec.structs.replace(config, weights=weights, updates=60, behaviour_every=2)
        made = train(CORPUS, changed, tmp_path / name, labels=tmp_path / "labels")
        vectors = unit_vectors(load_model(made), CORPUS.texts).numpy()
        events = CORPUS.training_events()
        pairs = [
            pair
            for user in range(20)
            for pair in itertools.pairwise(events.items[events.users == user])
        ]
        return np.mean([vectors[a] @ vectors[b] for a, b in pairs]) - vectors.mean(
            0
        ) @ vectors.mean(0)

    assert (
        closeness({"distill": 0.1, "click": 1.0, "conversion": 1.0}, "clicks")
        > closeness({"distill": 1.0}, "teacher") + 0.05
    )


def test_interrupted_training_ends_with_the_same_weights(config, tmp_path):
    def stop(what, done, all_of):
        if what == "training" and done == 13:
            raise KeyboardInterrupt

    through = train(CORPUS, config, tmp_path / "through", labels=tmp_path / "labels")
    with pytest.raises(KeyboardInterrupt):
        train(CORPUS, config, tmp_path / "cut", labels=tmp_path / "labels", report=stop)
    assert not (tmp_path / "cut").exists()
    seen = []
    resumed = train(
        CORPUS,
        config,
        tmp_path / "cut",
        labels=tmp_path / "labels",
        report=lambda what, done, _: seen.append((what, done)),
    )
    # the last checkpoint was after 12
    assert min(done for what, done in seen if what == "training") == 13
    assert resumed.version == through.version


def test_another_configuration_starts_anew(config, tmp_path):
    checkpoint = Checkpoint(tmp_path / "a")
    checkpoint.save("of another training", 15, {}, {})
    seen = []
    train(
        CORPUS,
        config,
        tmp_path / "a",
        labels=tmp_path / "labels",
        report=lambda what, done, _: seen.append((what, done)),
    )
    assert ("training", 1) in seen


def test_the_seed_decides(config, tmp_path):
    made = [
        train(
            CORPUS,
            msgspec.structs.replace(config, seed=seed),
            tmp_path / str(number),
            labels=tmp_path / "labels",
        ).version
        for number, seed in enumerate((0, 0, 1))
    ]
    assert made[0] == made[1] != made[2]


def test_held_out_items_decide_nothing(config, tmp_path):
    """Their texts replaced by others, and events on them and after the cutoff gone, the weights are
    the same.
    """
    texts = [
        f"unseen {row} eve." if held else text
        for row, (text, held) in enumerate(zip(CORPUS.texts, CORPUS.held_out, strict=True))
    ]
    events = CORPUS.events
    blind = dataclasses.replace(
        CORPUS,
        texts=tuple(texts),
        events=events.where((events.times_s < CORPUS.cutoff_s) & ~CORPUS.held_out[events.items]),
    )
    seeing = train(CORPUS, config, tmp_path / "seeing", labels=tmp_path / "labels")
    assert (
        train(blind, config, tmp_path / "blind", labels=tmp_path / "labels").version
        == seeing.version
    )


def test_a_student_can_learn_with_the_vectors_that_are_served_and_keeps_its_own(config, tmp_path):
    def stop(what, done, all_of):
        if what == "training" and done == 17:
            raise KeyboardInterrupt

    plain = train(CORPUS, config, tmp_path / "plain", labels=tmp_path / "labels")
    rounding = msgspec.structs.replace(config, token_bits=4)
    trained = train(CORPUS, rounding, tmp_path / "rounding", labels=tmp_path / "labels")
    assert trained.version != plain.version
    table = load_model(trained).student.tokens.weight.detach()
    assert not torch.equal(Rounded()(table), table)
    with pytest.raises(KeyboardInterrupt):
        train(CORPUS, rounding, tmp_path / "cut", labels=tmp_path / "labels", report=stop)
    assert (
        train(CORPUS, rounding, tmp_path / "cut", labels=tmp_path / "labels").version
        == trained.version
    )


def test_texts_are_made_up_anew(config, tmp_path):
    """After 10 of 20 updates: other weights, labels of the own texts and of two sets, and an
    interruption later is no matter.
    """

    def stop(what, done, all_of):
        if what == "training" and done == 17:
            raise KeyboardInterrupt

    once = train(CORPUS, config, tmp_path / "once", labels=tmp_path / "labels")
    renewed = msgspec.structs.replace(config, renew_every=10)
    twice = train(CORPUS, renewed, tmp_path / "twice", labels=tmp_path / "labels")
    assert twice.version != once.version
    assert len(list((tmp_path / "labels").iterdir())) == 3
    with pytest.raises(KeyboardInterrupt):
        train(CORPUS, renewed, tmp_path / "cut", labels=tmp_path / "labels", report=stop)
    assert (
        train(CORPUS, renewed, tmp_path / "cut", labels=tmp_path / "labels").version
        == twice.version
    )


def test_a_plan_cannot_renew_before_it_began():
    with pytest.raises(msgspec.ValidationError, match=r"renew_every"):
        msgspec.convert({"renew_every": -1}, TrainConfig)


def test_half_precision_is_left_out_where_it_does_not_pay(config, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "half_pays", lambda: False)
    wanted, asked = (msgspec.structs.replace(config, half=half) for half in (False, True))
    first, second = (
        load_model(
            train(CORPUS, each, tmp_path / str(each.half), labels=tmp_path / "labels")
        ).student.state_dict()
        for each in (wanted, asked)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_half_precision_trains_too(config, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "half_pays", lambda: True)
    made = train(
        CORPUS,
        msgspec.structs.replace(config, half=True),
        tmp_path / "a",
        labels=tmp_path / "labels",
    )
    assert np.isfinite(unit_vectors(load_model(made), CORPUS.texts).numpy()).all()


def test_training_goes_on_from_an_artifact(config, tmp_path):
    first = train(CORPUS, config, tmp_path / "first", labels=tmp_path / "labels")
    again = train(
        CORPUS,
        msgspec.structs.replace(config, start=str(first.path), updates=60),
        tmp_path / "again",
        labels=tmp_path / "labels",
    )
    assert again.card.metrics["loss_distill"] < first.card.metrics["loss_distill"]
    assert again.dim == first.dim


def test_the_card_says_how_it_was_made_and_a_log_is_left(config, tmp_path):
    made = train(CORPUS, config, tmp_path / "a", labels=tmp_path / "labels")
    assert made.card.steps[0]["step"] == "train"
    assert made.card.steps[0]["updates"] == 20
    assert {
        "loss_distill",
        "loss_relations",
        "loss_neighbours",
        "loss_tokens",
        "loss_click",
        "loss_conversion",
    } == made.card.metrics.keys()
    log = Checkpoint(tmp_path / "a").folder / "log"
    assert any(path.name.startswith("events.out.tfevents") for path in log.iterdir())


def test_what_was_trained_is_compressed_and_serves(config, tmp_path):
    made = train(CORPUS, config, tmp_path / "a", labels=tmp_path / "labels")
    served = compress(made, ["quantize"], tmp_path / "b")
    assert [report["step"] for report in served.card.steps] == ["train", "quantize"]
    assert Embedder(served).embed(CORPUS.texts[:3]).shape == (3, 16)


def test_a_student_that_joins_tokens_learns_from_all_losses_and_serves(config, tmp_path):
    joined = [*STEPS, {"step": "factorize", "width": 8}, {"step": "merge", "before": 0}]
    made = train(
        CORPUS,
        msgspec.structs.replace(config, steps=joined),
        tmp_path / "a",
        labels=tmp_path / "labels",
    )
    assert {"loss_tokens", "loss_neighbours", "loss_click"} <= made.card.metrics.keys()
    maps = load_model(made).student.widen.weight
    assert not torch.equal(maps[:, :8], maps[:, 8:])  # which start as one
    served = compress(made, [{"step": "quantize", "bits": 0}], tmp_path / "b")
    np.testing.assert_allclose(
        Embedder(served).embed(CORPUS.texts),
        unit_vectors(load_model(made), CORPUS.texts).numpy(),
        atol=1e-5,
    )


def test_steps_that_serve_are_refused_before_training(config, tmp_path):
    with pytest.raises(ValueError, match="found quantize; give it to compress"):
        train(CORPUS, msgspec.structs.replace(config, steps=("quantize",)), tmp_path / "a")


def test_dimensions_beyond_the_teachers_are_refused(config, tmp_path):
    with pytest.raises(ValueError, match="of 64 dimensions or of the teacher's 32"):
        train(
            CORPUS,
            msgspec.structs.replace(config, dim=64),
            tmp_path / "a",
            labels=tmp_path / "labels",
        )


def test_a_corpus_that_is_all_held_out_is_refused(config, tmp_path):
    with pytest.raises(ValueError, match="all held out"):
        train(
            dataclasses.replace(CORPUS, held_out=np.ones(len(CORPUS), bool)), config, tmp_path / "a"
        )


def test_learning_rate_rises_and_falls_to_zero():
    shares = [module._share(done) for done in np.linspace(0, 1, 101)]
    assert shares[0] == shares[-1] == 0
    assert max(shares) == pytest.approx(0.97)
    assert int(np.argmax(shares)) == 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_training_on_a_gpu(config, tmp_path):
    made = train(
        CORPUS,
        msgspec.structs.replace(config, device="cuda"),
        tmp_path / "a",
        labels=tmp_path / "labels",
    )
    assert np.isfinite(unit_vectors(load_model(made), CORPUS.texts[:3]).numpy()).all()
