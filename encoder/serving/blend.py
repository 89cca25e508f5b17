"""Vectors of texts and of clicks as one: what an encoder says of a text, and beside it what the
text says about clicks.

    y = (t - c) / |t - c|                       t: unit vector of the text, c: centre of the texts
    v = [ sqrt(1 - a) y , sqrt(a) g ] / |.|     g = y B for an item that nobody clicked yet;
                                                of others `encoder.release.blending` says more
    t = c + r y,  r > 0 such that |t| = 1       (`text_of`)

So a new item lies in the same space as those whose clicks are known, and its text alone is needed.
The texts are centred because vectors of texts of one kind have most of their length in common, and
an item near to that is near to everybody.

    centre.npy   c, (d,) float32
    clicks.npy   B, (d, f) float32
    config.json  options: text_dim d, clicks_share a; dim is d + f

Suzuki et al. (2013), Centering Similarity Measures to Reduce Hubs; Mu & Viswanath (2018),
All-but-the-Top.
"""

from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from encoder.serving.artifact import CENTRE, CLICKS, Artifact, ArtifactConfig, ArtifactError

SHARE = "clicks_share"
TINY = 1e-12  # a norm below it has no direction
FloatArray = NDArray[np.float32]


class Blend(NamedTuple):
    """See the module's docstring.

    Attributes: `centre` (d,), `clicks` (d, f), `share` a in (0, 1).
    """

    centre: FloatArray
    clicks: FloatArray
    share: float

    @property
    def dim(self) -> int:
        """Length of what it makes."""
        return sum(self.clicks.shape)

    def of_texts(self, texts: FloatArray) -> FloatArray:
        """Of new items, v (n, d + f) of their unit vectors t (n, d)."""
        centred = self.centred(texts)
        return self.beside(centred, centred @ self.clicks)

    def centred(self, texts: FloatArray) -> FloatArray:
        """Of t (n, d), y (n, d)."""
        return unit_rows(texts - self.centre)

    def beside(self, centred: FloatArray, clicks: FloatArray) -> FloatArray:
        """Of y (n, d) and g (n, f), v (n, d + f)."""
        a = self.share
        return unit_rows(np.hstack([np.sqrt(1 - a) * centred, np.sqrt(a) * clicks]))

    def text_of(self, vectors: FloatArray) -> FloatArray:
        """Of v (n, d + f), t (n, d)."""
        y = unit_rows(vectors[:, : len(self.centre)])
        along = y @ self.centre  # (n,)
        r = np.sqrt(np.maximum(along**2 + 1 - self.centre @ self.centre, 0.0)) - along
        return unit_rows(self.centre + r[:, None] * y)


def unit_rows(rows: FloatArray) -> FloatArray:
    """Rows (n, d) at length 1; one without a direction points everywhere alike."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)  # (n, 1)
    found = np.full(rows.shape, 1 / np.sqrt(rows.shape[1]), np.float32)
    return np.divide(rows, norms, out=found, where=norms >= TINY, casting="same_kind")


def write_blend(folder: Path, blend: Blend) -> None:
    """Write the two files into a folder that `artifact_writing.writing` is making."""
    for name, array in ((CENTRE, blend.centre), (CLICKS, blend.clicks)):
        (folder / name).unlink(missing_ok=True)  # may be a link to another artifact's file
        np.save(folder / name, np.asarray(array, np.float32))


def blended_config(config: ArtifactConfig, blend: Blend) -> ArtifactConfig:
    """The configuration of an encoder with the blend behind it."""
    more = {"text_dim": len(blend.centre), SHARE: blend.share}
    return msgspec.structs.replace(config, dim=blend.dim, options=config.options | more)


def read_blend(artifact: Artifact) -> Blend | None:
    """The blend of an artifact; None of one that has none.

    Raises
    ------
    ArtifactError
        Files and configuration do not fit each other.

    """
    if CLICKS not in artifact.files and CENTRE not in artifact.files:
        return None
    try:
        centre, clicks = (
            np.load(artifact.path / name, allow_pickle=False) for name in (CENTRE, CLICKS)
        )
    except (OSError, ValueError) as error:
        msg = f"{artifact.path}: expected {CENTRE} and {CLICKS} as NumPy arrays, found {error}"
        raise ArtifactError(msg) from error
    d, share = artifact.text_dim, artifact.config.options.get(SHARE)
    fits = centre.shape == (d,) and clicks.shape == (d, artifact.dim - d)
    finite = fits and bool(np.isfinite(centre).all() and np.isfinite(clicks).all())
    if not finite or not isinstance(share, float) or not 0 < share < 1:
        msg = (
            f"{artifact.path}: expected a finite centre ({d},) and clicks ({d}, "
            f"{artifact.dim - d}) with a {SHARE} between 0 and 1, found {centre.shape}, "
            f"{clicks.shape} and {share}"
        )
        raise ArtifactError(msg)
    return Blend(centre.astype(np.float32), clicks.astype(np.float32), share)
