"""What the plan's teacher says of every item: the catalogue's vectors of an asymmetric release, and
what recall is measured against.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from encoder.corpus.corpus import Corpus
from encoder.corpus.vector_cache import VectorCache
from encoder.release.catalogue import TEACHER
from encoder.release.refresh_config import Plan, PlanError, teacher_path
from encoder.serving.wire import STUDENT

FloatArray = NDArray[np.float32]
Report = Callable[[str, int, int], None]


def teacher_vectors(
    corpus: Corpus,
    plan: Plan,
    report: Report,
    say: Callable[[str], None],
    cache: VectorCache | None = None,
    threads: int = 1,
) -> FloatArray | None:
    """What the teacher says of every item, where the plan has a use for it: for the catalogue's
    vectors, or for recall. Without a teacher on this machine "auto" makes do with the student.

    Raises
    ------
    PlanError, ModuleNotFoundError
        The plan insists on the teacher, and this machine has none.
    ArtifactError
        The plan names a teacher that cannot be read.

    """
    if plan.catalogue == STUDENT and not plan.recall:
        return None
    try:
        return read_with_teacher(corpus, plan, report, cache, threads)
    except (PlanError, ModuleNotFoundError) as error:
        if plan.catalogue == TEACHER or plan.recall:
            raise
        say(f"the catalogue has the student's vectors (no teacher here: {error})")
        return None


def read_with_teacher(
    corpus: Corpus,
    plan: Plan,
    report: Report,
    cache: VectorCache | None = None,
    threads: int = 1,
) -> FloatArray:
    """What the plan's teacher says of every item, (n_items, hidden) unit rows; `cache` knows texts
    that it read before, in a run that was cut off or in the last one.
    """
    from encoder.corpus.teacher import load_teacher
    from encoder.corpus.teacher_cache import read_vectors

    return read_vectors(
        load_teacher(teacher_path(plan), plan.prompt),
        corpus.texts,
        cache,
        threads=threads,
        progress=lambda done, all_of: report("the teacher reads the catalogue", done, all_of),
    )
