"""What a worker believes: only a whole, sound and newer release takes the place of the one in
force.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoder.serving.verify import Decision, ReleaseAssembly, record_reasons
from encoder.serving.wire import PUBLISHED, ROLLBACK, Thresholds
from tests.encoder.making import embedding, release, unit_rows

IDS = ("a", "b", "c")


def send(
    assembly: ReleaseAssembly, version: str, seed: int = 2, ids: tuple[str, ...] = IDS
) -> list[Decision]:
    """The vectors of a version; the decisions they brought about."""
    found = [
        assembly.add_embedding(embedding(i, version, row))
        for i, row in zip(ids, unit_rows(len(ids), seed=seed), strict=True)
    ]
    return [decision for decision in found if decision is not None]


def in_force(version: str = "v1") -> ReleaseAssembly:
    """An assembly with one accepted release."""
    assembly = ReleaseAssembly()
    send(assembly, version)
    assert assembly.add_release(release(version)).state == "accepted"
    return assembly


def version_of(assembly: ReleaseAssembly) -> str | None:
    current = assembly.current()
    return current.version if current else None


def test_nothing_is_in_force_at_first() -> None:
    assembly = ReleaseAssembly()
    assert assembly.current() is None
    assert assembly.decisions() == []


def test_release_is_accepted_when_its_vectors_are_in() -> None:
    current = in_force().current()
    assert current is not None
    assert (current.version, current.dim, set(current.rows)) == ("v1", 8, set(IDS))
    np.testing.assert_array_equal(current.take(IDS)[0], unit_rows(3))


def test_record_before_its_vectors_waits_and_says_for_what() -> None:
    assembly = ReleaseAssembly()
    assert assembly.add_release(release()) == Decision(
        "waiting", "v1", "expected 3 vectors, found 0 so far"
    )
    decisions = send(assembly, "v1")
    assert [d.state for d in decisions] == ["waiting", "waiting", "accepted"]
    assert version_of(assembly) == "v1"


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_every_order_of_vectors_and_record_ends_the_same(order: tuple[int, ...]) -> None:
    rows = unit_rows(3)
    assembly = in_force("v0")
    for step in order:
        if step == 3:
            assembly.add_release(release("v1", created_s=2000))
        else:
            assembly.add_embedding(embedding(IDS[step], "v1", rows[step]))
    assert version_of(assembly) == "v1"


def test_swap_happens_in_one_step() -> None:
    assembly = in_force("v1")
    before = assembly.current()
    send(assembly, "v2", seed=5, ids=("a", "b"))
    assembly.add_release(release("v2", created_s=2000))
    assert assembly.current() is before
    assembly.add_embedding(embedding("c", "v2", unit_rows(1)[0]))
    assert version_of(assembly) == "v2"
    assert before is not None
    # a reader that still holds it is not disturbed
    np.testing.assert_array_equal(before.take(IDS)[0], unit_rows(3))


def test_partial_release_never_takes_over() -> None:
    assembly = in_force()
    send(assembly, "v2", ids=("a", "b"))
    assert assembly.add_release(release("v2", created_s=2000)).state == "waiting"
    assert version_of(assembly) == "v1"
    assert [r.version for r in assembly.waiting()] == ["v2"]


@pytest.mark.parametrize(
    ("vector", "said"),
    [
        (np.full(8, np.nan, np.float32), "expected finite values"),
        (np.full(8, np.inf, np.float32), "expected finite values"),
        (np.full(5, 5**-0.5, np.float32), "expected dimension 8, found 5"),
        (np.zeros(8, np.float32), "expected length 1, found 0"),
        (np.full(8, 3.0, np.float32), "expected length 1"),
    ],
)
@pytest.mark.parametrize("record_first", [True, False])
def test_one_unsound_vector_spoils_a_release(
    vector: np.ndarray, said: str, record_first: bool
) -> None:
    assembly = in_force()
    record = release("v2", created_s=2000)
    if record_first:
        assembly.add_release(record)
    send(assembly, "v2", ids=("a", "b"))
    decision = assembly.add_embedding(embedding("c", "v2", vector))
    if not record_first:
        decision = assembly.add_release(record)
    assert decision is not None
    assert decision.state == "refused"
    assert said in decision.reason
    assert version_of(assembly) == "v1"


def test_all_vectors_of_another_dimension_than_promised_are_refused() -> None:
    assembly = in_force()
    send(assembly, "v2")
    decision = assembly.add_release(release("v2", dim=16, created_s=2000))
    assert decision == Decision("refused", "v2", "vectors: expected dimension 16, found 8")
    assert version_of(assembly) == "v1"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dim": 0}, "dim: expected 1 to"),
        ({"dim": 10**9}, "dim: expected 1 to"),
        ({"items": 0}, "items: expected at least 1"),
        ({"status": "perhaps"}, "status: expected one of"),
        ({"sha256": "short"}, "sha256: expected 64 hex digits"),
        ({"sha256": "g" * 64}, "sha256: expected 64 hex digits"),
        ({"artifact": "../../etc"}, "artifact: expected the name of a folder"),
        ({"artifact": ""}, "artifact: expected the name of a folder"),
        ({"artifact": ".hidden"}, "artifact: expected the name of a folder"),
        ({"metrics": {"ndcg@10": float("nan")}}, "ndcg@10: expected a finite figure"),
        (
            {"metrics": {"ndcg@10": 0.2}, "baseline": {"ndcg@10": 0.3}},
            "ndcg@10: expected at least 0.2700",
        ),
        (
            {"metrics": {"ndcg@10": 0.2}, "gate": Thresholds({"ndcg@10": 0.25})},
            "ndcg@10: expected at least 0.2500",
        ),
        ({"metrics": {}, "baseline": {"ndcg@10": 0.3}}, "not measured"),
    ],
)
def test_unsound_record_is_refused_and_the_release_before_stays(
    changes: dict[str, object], said: str
) -> None:
    assembly = in_force()
    send(assembly, "v2", seed=5)
    decision = assembly.add_release(release("v2", created_s=2000, **changes))  # type: ignore[arg-type]
    assert decision.state == "refused"
    assert said in decision.reason
    assert version_of(assembly) == "v1"
    assert assembly.waiting() == []


def test_folder_of_another_hash_is_refused() -> None:
    assembly = in_force()
    send(assembly, "v2")
    decision = assembly.add_release(release("v2", created_s=2000), found_sha256="b" * 64)
    assert decision.state == "refused"
    assert decision.reason.startswith("sha256: the record says aaaaaaaaaaaa...")
    assert version_of(assembly) == "v1"
    assert (
        assembly.add_release(release("v2", created_s=2000), found_sha256="a" * 64).state
        == "accepted"
    )


def test_rollback_may_be_worse_but_not_unsound() -> None:
    worse: dict[str, object] = {"metrics": {"ndcg@10": 0.1}, "baseline": {"ndcg@10": 0.3}}
    assert record_reasons(release(status=PUBLISHED, **worse))
    assert record_reasons(release(status=ROLLBACK, **worse)) == []
    assert record_reasons(release(status=ROLLBACK, dim=0))


def test_catalogue_of_another_encoder_needs_a_cosine_to_be_believed() -> None:
    mixed = {"catalogue": "teacher"}
    (reason,) = record_reasons(release(**mixed))
    assert "cosine_to_catalogue: expected at least 0.5 between the teacher's vectors" in reason
    metrics = {"ndcg@10": 0.3, "cosine_to_catalogue": 0.9}
    assert record_reasons(release(metrics=metrics, **mixed)) == []
    assert record_reasons(release(status=ROLLBACK, **mixed))


def test_rollback_brings_the_older_release_back() -> None:
    assembly = in_force("v1")
    send(assembly, "v2", seed=5)
    assembly.add_release(release("v2", created_s=2000))
    assert version_of(assembly) == "v2"
    send(assembly, "v1")
    decision = assembly.add_release(release("v1", created_s=3000, status=ROLLBACK, previous="v2"))
    assert decision.state == "accepted"
    assert version_of(assembly) == "v1"
    assert assembly.current_release() == release(
        "v1", created_s=3000, status=ROLLBACK, previous="v2"
    )


def test_whole_history_read_vectors_first_ends_in_the_last_release() -> None:
    """At start a worker may read all of item-embeddings before the first record of
    encoder-releases.
    """
    assembly = ReleaseAssembly()
    for version, seed in (("v1", 2), ("v2", 5), ("v1", 2)):
        send(assembly, version, seed)
    for record in (
        release("v1", created_s=1000),
        release("v2", created_s=2000),
        release("v1", created_s=3000, status=ROLLBACK),
    ):
        assembly.add_release(record)
    assert version_of(assembly) == "v1"


def test_older_record_changes_nothing() -> None:
    assembly = in_force("v2")
    send(assembly, "v1", seed=5)
    assert assembly.add_release(release("v1", created_s=500)) == Decision(
        "stale", "v1", "older than v2"
    )
    assert version_of(assembly) == "v2"


def test_items_that_arrive_later_extend_the_release_in_force() -> None:
    assembly = in_force()
    before = assembly.current()
    assert assembly.add_embedding(embedding("new", "v1", unit_rows(1, seed=9)[0])) is None
    after = assembly.current()
    assert after is not before
    assert after is not None
    taken, known = after.take(["new", "a"])
    assert known.all()
    np.testing.assert_array_equal(taken, [unit_rows(1, seed=9)[0], unit_rows(3)[0]])


def test_unsound_vector_of_the_release_in_force_is_left_out_and_told() -> None:
    assembly = in_force()
    decision = assembly.add_embedding(embedding("a", "v1", np.full(8, np.nan, np.float32)))
    assert decision is not None
    assert decision.state == "refused"
    current = assembly.current()
    assert current is not None
    np.testing.assert_array_equal(current.take(["a"])[0], unit_rows(3)[:1])


def test_vectors_that_compaction_took_are_filled_from_the_folder() -> None:
    assembly = ReleaseAssembly()
    send(assembly, "v2", ids=("a", "b"))
    assert assembly.add_release(release("v2")).state == "waiting"
    stored = unit_rows(3, seed=6)
    decision = assembly.add_stored("v2", IDS, stored)
    assert decision is not None
    assert decision.state == "accepted"
    current = assembly.current()
    assert current is not None
    np.testing.assert_array_equal(current.take(IDS)[0], [*unit_rows(2), stored[2]])


def test_withdrawn_item_is_forgotten() -> None:
    assembly = in_force()
    assembly.remove("b")
    current = assembly.current()
    assert current is not None
    assert current.take(IDS)[1].tolist() == [True, False, True]


def test_memory_holds_few_versions_and_never_drops_the_one_in_force() -> None:
    assembly = in_force("v1")
    for number in range(2, 12):
        send(assembly, f"v{number}", seed=number)
    assert len(assembly._collected) == 4
    assert version_of(assembly) == "v1"
    assert assembly.add_release(release("v11", created_s=2000)).state == "accepted"
    assert assembly.add_release(release("v3", created_s=3000)).state == "waiting"


def test_too_little_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        ReleaseAssembly(keep_versions=1)


def test_every_release_is_listed_with_its_fate() -> None:
    assembly = in_force("v1")
    assembly.add_release(release("v0", created_s=10))
    assembly.add_release(release("v2", created_s=2000))
    assembly.add_release(release("v3", created_s=3000, dim=0))
    assert [(r.version, d.state) for r, d in assembly.decisions()] == [
        ("v3", "refused"), ("v2", "waiting"), ("v1", "accepted"), ("v0", "stale"),
    ]  # fmt: skip


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["vector", "poison", "record", "bad record"]),
        st.sampled_from(["v1", "v2"]),
        st.sampled_from(IDS),
    ),
    max_size=40,
)


@given(STEPS)
def test_no_order_of_records_puts_an_unsound_vector_in_force(
    steps: list[tuple[str, str, str]],
) -> None:
    assembly = ReleaseAssembly()
    times = {"v1": 1000.0, "v2": 2000.0}
    for kind, version, item in steps:
        if kind in ("vector", "poison"):
            vector = unit_rows(1)[0] if kind == "vector" else np.full(8, np.nan, np.float32)
            assembly.add_embedding(embedding(item, version, vector))
        else:
            assembly.add_release(
                release(version, items=3 if kind == "record" else 0, created_s=times[version])
            )
        current = assembly.current()
        if current is not None:
            assert set(current.rows) == set(IDS)
            assert np.isfinite(current.matrix).all()
            np.testing.assert_allclose(np.linalg.norm(current.take(IDS)[0], axis=1), 1, atol=1e-5)
