"""Compression, step by step; each step makes an artifact of an artifact and says what it cost.

Steps on a network (kind `transformer`), after which training mends what was lost:
    keep_layers        fewer layers
    prune              fewer heads and feed-forward units
    merge              neighbouring tokens read as one
    trim_vocabulary    fewer tokens, no punctuation
    factorize          narrow token vectors
    project            fewer dimensions
Steps that end in an artifact that serves:
    quantize           ONNX with 8-bit weights
    static             a table of token vectors
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from encoder.compress.factorize import factorize
from encoder.compress.keep_layers import keep_layers
from encoder.compress.merge import merge
from encoder.compress.project import project
from encoder.compress.prune import prune
from encoder.compress.quantize import quantize
from encoder.compress.static import static
from encoder.compress.student import Model, load_model, save_model
from encoder.compress.trim_vocabulary import trim_vocabulary
from encoder.serving.artifact import Artifact, Card, load
from encoder.serving.artifact_writing import link_files, writing

Texts = Sequence[str]
Step = Callable[..., Artifact]  # (artifact, texts, out, **options)


def on_network(change: Callable[..., Model]) -> Step:
    """A step from a pure function of a model: (model, texts, **options) -> model."""

    def step(artifact: Artifact, texts: Texts, out: Path, **options: Any) -> Artifact:
        return save_model(change(load_model(artifact), texts, **options), out, artifact.card)

    return step


NETWORK_STEPS: dict[str, Callable[..., Model]] = {
    "keep_layers": keep_layers,
    "prune": prune,
    "merge": merge,
    "trim_vocabulary": trim_vocabulary,
    "factorize": factorize,
    "project": project,
}
STEPS: dict[str, Step] = {name: on_network(change) for name, change in NETWORK_STEPS.items()} | {
    "quantize": quantize,
    "static": static,
}


def compress(
    artifact: Artifact,
    steps: Sequence[str | Mapping[str, Any]],
    out: Path,
    texts: Texts = (),
    progress: Callable[[str, int, int], None] = lambda what, done, all_of: None,
) -> Artifact:
    """Run a chain of steps.

    Parameters
    ----------
    artifact
        where to start; stays as it is.
    steps
        names of `STEPS`, or tables `{"step": name, **options}` as a TOML file has them.
    out
        folder of the result.
    texts
        of the catalogue, which most steps look at; the held-out ones should not be among them.
    progress
        called with what is done, how many steps, of how many.

    Returns
    -------
    The last artifact. Its card tells of every step: options, bytes, seconds.

    Raises
    ------
    ValueError
        an unknown step or option, or one that does not fit the artifact.

    """
    parsed = [parse(step) for step in steps]
    with tempfile.TemporaryDirectory(prefix=".compress.", dir=_made(out.parent)) as aside:
        for number, (name, options) in enumerate(parsed):
            progress(f"compressing: {name}", number, len(parsed))
            began = time.perf_counter()
            try:
                made = STEPS[name](artifact, texts, Path(aside) / str(number), **options)
            except TypeError as error:
                msg = f"expected options that the step {name} has, found {options} ({error})"
                raise ValueError(msg) from error
            report = {
                "step": name,
                **options,
                "bytes_before": artifact.model_bytes,
                "bytes_after": made.model_bytes,
                "seconds": round(time.perf_counter() - began, 2),
            }
            card = msgspec.structs.replace(made.card, steps=[*artifact.card.steps, report])
            artifact = _moved(made, card, Path(aside) / f"{number}.card")
            progress(f"compressing: {name}", number + 1, len(parsed))
        return _moved(artifact, artifact.card, out)


def parse(step: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and options of a step.

    Raises
    ------
    ValueError
        no such step.

    """
    options = {"step": step} if isinstance(step, str) else dict(step)
    name = options.pop("step", None)
    if name not in STEPS:
        msg = f"expected a step among {', '.join(STEPS)}, found {name!r}"
        raise ValueError(msg)
    return name, options


def _moved(artifact: Artifact, card: Card, out: Path) -> Artifact:
    """The artifact with this card at `out`."""
    with writing(out, artifact.config, card) as folder:
        link_files(artifact, folder)
    return load(out)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


__all__ = ["NETWORK_STEPS", "STEPS", "compress", "parse"]
