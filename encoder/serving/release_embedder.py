"""The vectors of a release, by item and text: what it was published with, else its own encoder's.

    v(item, text) = stored vector of the item   if the text is the one that it was made of
                    embed(text)                 otherwise

A catalogue's vectors may come from another encoder than the one in the folder
(`Release.catalogue`), so a vector that was published cannot be made again. It lies in the folder
with the hash of its text: an item that changes and changes back, or whose record was compacted
away, gets it again.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from encoder.serving.artifact import Artifact
from encoder.serving.embed import Embedder
from encoder.serving.stored_embeddings import EMBEDDINGS, read_embeddings
from encoder.serving.text import text_hash

FloatArray = NDArray[np.float32]


class ReleaseEmbedder:
    """One release, ready to embed; one call at a time, as `encoder.serving.embed.Embedder`.

    Parameters
    ----------
    artifact
        Folder of a release; one without stored vectors embeds everything.
    threads
        As in `Embedder`.

    Raises
    ------
    ArtifactError
        A file cannot be read as what it should be.

    """

    def __init__(self, artifact: Artifact, threads: int = 1) -> None:
        self.embedder = Embedder(artifact, threads)
        self._rows: dict[str, tuple[str, int]] = {}  # item -> hash of its text, row
        self._stored: FloatArray = np.empty((0, artifact.dim), np.float32)  # (items, dim)
        if EMBEDDINGS in artifact.files:
            stored = read_embeddings(artifact)
            self._stored = stored.matrix
            self._rows = {
                item_id: (fingerprint, row)
                for row, (item_id, fingerprint) in enumerate(
                    zip(stored.ids, stored.hashes, strict=True)
                )
            }

    def embed(self, item_ids: Sequence[str], texts: Sequence[str]) -> FloatArray:
        """(n, dim) float32, unit rows, of items with these texts (module's docstring)."""
        vectors = np.empty((len(texts), self.embedder.dim), np.float32)  # (n, dim)
        new = []
        for at, (item_id, text) in enumerate(zip(item_ids, texts, strict=True)):
            fingerprint, row = self._rows.get(item_id, ("", -1))
            if row >= 0 and fingerprint == text_hash(text):
                vectors[at] = self._stored[row]
            else:
                new.append(at)
        vectors[new] = self.embedder.embed([texts[at] for at in new])
        return vectors
