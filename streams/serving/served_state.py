"""ServedState: all that slates are made from, at one time. Nothing changes it: the next one takes
its place by reference, so any thread may answer from it.

    world      counts, catalogue, vectors and beliefs: what all segments share
    variants   of each variant of the policy file what it makes of them:
    prepared   one segment (`bandits.slates.refresh`), with its pools of draws
    unseen     what a segment without counts gets
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.learning.segment_fields import UNKNOWN, SegmentFields
from bandits.learning.user_effects import NO_EFFECTS, UserEffects
from bandits.slates.config import SlateConfig
from bandits.slates.refresh import Known, LearnedSums
from bandits.slates.request import Catalogue
from bandits.slates.snapshot_pools import Snapshot
from bandits.slates.variants import BASE, PolicyFile, Variant
from bandits.sparse_counts import SparseCounts
from streams.serving.facets import Facets

KEPT_S = 5.0


class World(NamedTuple):
    """What all segments share, at one time; `counts_ts` is the time of the counts, `facets` are
    what filters ask of items, `by_variant` is what each variant learns of the counts, `effects`
    what users' histories say.
    """

    counts: SparseCounts
    by_variant: Mapping[str, Known]
    encoder: str | None
    counts_ts: float
    facets: Facets
    effects: UserEffects = NO_EFFECTS

    @property
    def learned(self) -> Known:
        """What `base` learns."""
        return self.by_variant[BASE]

    @property
    def catalogue(self) -> Catalogue:
        """The items as `base` may show them."""
        return self.learned.catalogue

    @property
    def n_items(self) -> int:
        """Items that it knows."""
        return self.counts.n_items


class VariantState(NamedTuple):
    """Slates of one variant.

    Attributes
    ----------
    variant, learned
        How they are made, and what from.
    prepared
        Segments that were asked for; the builder adds others, and nothing leaves it.
    unseen
        A segment without counts; of a holdback, every one.
    """

    variant: Variant
    learned: Known
    prepared: dict[str, Snapshot]
    unseen: Snapshot

    def snapshot(self, segment: str) -> Snapshot | None:
        """The segment's, None where it is not prepared."""
        return self.unseen if self.variant.holdback else self.prepared.get(segment)


class ServedState(NamedTuple):
    """A world and its segments.

    Attributes
    ----------
    number
        Of the states of this process, from 1.
    names
        Of items by column; may grow at its end.
    segments, segment_names
        Numbers of the segments that have counts, by name, and names by number.
    variants
        By name.
    fields
        Reads the values of context fields off a segment's name.
    hidden
        Items that were withdrawn or made unavailable since.
    """

    number: int
    world: World
    names: Sequence[str]
    segments: dict[str, int]
    segment_names: Sequence[str]
    variants: Mapping[str, VariantState]
    fields: SegmentFields
    hidden: frozenset[int] = frozenset()

    def codes(self, segment: str) -> tuple[int, ...]:
        """Values of the fields of a segment without counts; none where they say nothing."""
        found = self.fields.of(segment) if len(self.fields.fields) > 1 else None
        return () if found is None or max(found) == UNKNOWN else found

    def served_as(self, variant: str, segment: str) -> str:
        """The segment whose slates a segment gets from a variant: one of its group."""
        own, number = self.variants[variant].learned, self.segments.get(segment)
        if isinstance(own, LearnedSums) or own.groups is None:
            return segment
        row = own.row(number, () if number is not None else self.codes(segment))
        return segment if row is None else self.segment_names[own.groups.first[row]]

    def knows(self, segment: str) -> bool:
        """Whether there is more to say of it than of any: it has counts, or fields with values that
        have.
        """
        return segment in self.segments or bool(self.codes(segment))

    def hiding(
        self,
        changed: Iterable[str],
        number_of: Callable[[str], int | None],
        may_show: Callable[[str], bool],
    ) -> "ServedState":
        """The state after items have changed: it may show some no more, others again."""
        hidden = set(self.hidden)
        for name in changed:
            number = number_of(name)
            if number is not None and number < self.world.n_items:
                (hidden.discard if may_show(name) else hidden.add)(number)
        return self._replace(hidden=frozenset(hidden))

    @property
    def prepared(self) -> dict[str, Snapshot]:
        """Of `base`."""
        return self.variants[BASE].prepared


def make_state(
    before: ServedState | None,
    world: World,
    names: Sequence[str],
    segment_names: Sequence[str],
    fields: SegmentFields,
    policy_file: PolicyFile,
    unseen: Sequence[Snapshot],
) -> ServedState:
    """The state after `before`, nothing prepared in it; `unseen` by variant."""
    variants = {
        each.name: VariantState(each, world.by_variant[each.name], {}, own)
        for each, own in zip(policy_file.variants, unseen, strict=True)
    }
    numbers = {name: number for number, name in enumerate(segment_names)}
    number = 1 if before is None else before.number + 1
    return ServedState(number, world, names, numbers, segment_names, variants, fields)


def keep(
    before: ServedState,
    state: ServedState,
    variant: str,
    segment: str,
    changed: Container[int],
    now_s: float,
) -> None:
    """Of very many cells: a segment that did not change keeps its snapshot for `KEPT_S`; others
    move its priors little meanwhile.
    """
    number, own = state.segments.get(segment), state.variants[variant]
    snapshot = before.variants[variant].prepared.get(segment)
    if (
        isinstance(own.learned, LearnedSums)
        and isinstance(before.variants[variant].learned, LearnedSums)
        and snapshot is not None
        and number not in changed
        and now_s - snapshot.view.facts.now_s < KEPT_S
    ):
        own.prepared[segment] = snapshot


def make_world(
    counts: SparseCounts,
    learn: Callable[[SlateConfig, Catalogue, NDArray[np.int64] | None, Known | None], Known],
    catalogue: Catalogue,
    facets: Facets,
    encoder: str | None,
    counts_ts: float,
    number_of: Callable[[str], int | None],
    policy_file: PolicyFile,
    codes: NDArray[np.int64] | None = None,
    before: World | None = None,
    effects: UserEffects = NO_EFFECTS,
) -> World:
    """Learn what all segments share; `number_of` an item, for those that a variant never shows;
    `codes` of the segments' fields; `before` is the last world; `effects` of users' histories.
    """
    by_variant: dict[str, Known] = {}
    for each in policy_file.variants:
        available = catalogue.available.copy()
        available[numbers(map(number_of, each.config.exclude))] = False
        own = catalogue._replace(available=available)
        alike = next(
            (
                by_variant[other.name]
                for other in policy_file.variants
                if other.name in by_variant
                and other.config.priors == each.config.priors
                and other.config.segments == each.config.segments
            ),
            None,
        )  # beliefs do not depend on what may be shown
        by_variant[each.name] = (
            learn(
                each.config,
                own,
                codes,
                None if before is None else before.by_variant[each.name],
            )
            if alike is None
            else alike._replace(catalogue=own)
        )
    return World(counts, by_variant, encoder, counts_ts, facets, effects)


def numbers(found: Iterable[int | None]) -> NDArray[np.int64]:
    """Sorted item numbers, unknown names left out."""
    return np.array(sorted({number for number in found if number is not None}), dtype=np.int64)
