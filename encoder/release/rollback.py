"""Bring an earlier release back: its embeddings go out again from its folder, and a record of now
names it.

`item-embeddings` keeps one vector per item, so the vectors of the earlier release are no longer
there; its folder has them. The gate does not judge the figures again (an operator asked for this
release), but folder, hash and vectors must be sound: a worker would refuse anything else.
"""

from encoder.release.publish import Judged, Outcome, send, stored_artifact
from encoder.release.shelf import Shelf, in_force, releases
from encoder.serving.artifact import ArtifactError
from encoder.serving.gate import vector_reasons
from encoder.serving.stored_embeddings import read_embeddings
from encoder.serving.wire import ROLLBACK


def rollback(version: str, shelf: Shelf, now_s: float) -> Outcome:
    """Put `version` in force again.

    1. find its record; 2. open its folder, checked against the record's hash; 3. judge the stored
       vectors; 4. send them
    and a record with the status `rollback` in one transaction.

    Parameters
    ----------
    version
        A version on `encoder-releases`.
    shelf
        Brokers, topics and the folder of releases.
    now_s
        Seconds since the epoch.

    Returns
    -------
    The release in force from now on, or the reasons against it; then nothing was written.

    Raises
    ------
    ArtifactError
        The folder is gone or not what was published.
    LogError
        Kafka did not take it; nothing was written.

    """
    known = {release.version: release for release in releases(shelf)}  # 1
    if version not in known:
        listed = ", ".join(known) or "none"
        return Outcome(
            None,
            [f"version: expected one of the releases on the topic ({listed}), found {version!r}"],
        )
    before = in_force(shelf)
    if before is not None and before.version == version:
        return Outcome(None, [f"version: {version} is in force already"])
    release = known[version]
    kept = stored_artifact(shelf, release)  # 2
    if kept.version != version:
        msg = f"{kept.path}: expected release {version}, found {kept.version}"
        raise ArtifactError(msg)
    stored = read_embeddings(kept)
    reasons = vector_reasons(stored.ids, stored.matrix, release.dim, stored.ids)  # 3
    if reasons:
        return Outcome(None, reasons)
    # 4
    return Outcome(
        send(
            kept,
            stored,
            Judged(release.metrics, {}, release.gate),
            shelf,
            now_s,
            ROLLBACK,
            release.catalogue,
        ),
        [],
    )
