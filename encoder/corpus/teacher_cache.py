"""What the teacher says of many texts, computed once and kept on disk.

vectors.npy   (n, dim) float32 unit vectors
states.npy    (sum of lengths, width) float16 states of all tokens, one text after another
tokens.npy    (sum of lengths,) int32 the teacher's token ids
starts.npy    (n + 1,) int64: the tokens of text i stand in rows starts[i]:starts[i + 1]
done.json     number of batches finished; missing or short when the work was interrupted, which then
              goes on from there

The folder's name is made from the teacher and the texts, so that students of one teacher share it.
States are the larger part: 60,000 texts of 60 tokens at 384 numbers are 2.7 GB. Where vectors alone
are wanted they are kept text by text (`encoder.corpus.vector_cache`).
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from encoder.corpus.teacher import Teacher, padded
from encoder.corpus.vector_cache import TextEncoder, VectorCache, vectors_of

BATCH = 64
SAVE_EVERY_S = 60.0


class Labels(NamedTuple):
    """The arrays of the module's docstring; `states` is a memory map."""

    vectors: NDArray[np.float32]
    states: NDArray[np.float16]
    tokens: NDArray[np.int32]
    starts: NDArray[np.int64]


def label(
    teacher: Teacher,
    texts: Sequence[str],
    folder: Path,
    *,
    half: bool = True,
    known: Labels | None = None,
    progress: Callable[[int, int], None] = lambda done, all_of: None,
) -> Labels:
    """Read the labels of `texts`, computing what is missing.

    Parameters
    ----------
    teacher
        reads the texts, where its model is.
    texts
        at least one, in the order of the rows.
    folder
        where label sets live; this one gets a folder of its own inside.
    half
        compute in bfloat16: three times faster on some CPUs, slower on others
        (`encoder.training.device.half_pays`), at a cosine of 0.9999 to full precision.
    known
        labels of the first texts, which are copied.
    progress
        called with the number of batches finished and of all batches.

    Returns
    -------
    Labels, on disk in the folder.

    """
    place = folder / _name(teacher, texts, half)
    place.mkdir(parents=True, exist_ok=True)
    done_file = place / "done.json"
    tokens = teacher.tokens(texts)
    lengths = [len(ids) for ids in tokens]
    first = 0 if known is None else len(known.vectors)
    order = first + np.argsort(lengths[first:], kind="stable")
    batches = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
    done = json.loads(done_file.read_text(encoding="utf-8")) if done_file.is_file() else 0
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    mode = "r+" if done else "w+"
    vectors: Any = np.lib.format.open_memmap(
        place / "vectors.npy", mode, np.float32, (len(texts), teacher.dim)
    )
    states: Any = np.lib.format.open_memmap(
        place / "states.npy", mode, np.float16, (int(starts[-1]), teacher.width)
    )
    if known is not None and not done:
        vectors[:first] = known.vectors
        states[: known.starts[-1]] = known.states
    precision = torch.autocast(teacher.model.device.type, torch.bfloat16) if half else nullcontext()
    saved_s = time.monotonic()
    with torch.inference_mode(), precision:
        for number in range(done, len(batches)):
            rows = batches[number]
            of_tokens, of_texts = teacher.read(*padded([tokens[row] for row in rows]))
            vectors[rows] = of_texts.float().cpu().numpy()
            for row, text_states in zip(rows, of_tokens.half().cpu().numpy(), strict=True):
                states[starts[row] : starts[row + 1]] = text_states[: lengths[row]]
            if number + 1 == len(batches) or time.monotonic() - saved_s >= SAVE_EVERY_S:
                saved_s = time.monotonic()
                vectors.flush()
                states.flush()
                done_file.write_text(json.dumps(number + 1), encoding="utf-8")
            progress(number + 1, len(batches))
    flat = np.fromiter((token for ids in tokens for token in ids), np.int32, int(starts[-1]))
    return Labels(np.array(vectors), np.load(place / "states.npy", mmap_mode="r"), flat, starts)


def read_vectors(
    teacher: Teacher,
    texts: Sequence[str],
    cache: VectorCache | None = None,
    *,
    threads: int = 1,
    progress: Callable[[int, int], None] = lambda done, all_of: None,
) -> NDArray[np.float32]:
    """The teacher's unit vectors (n, dim) of `texts`, without its states; parameters as of
    `encoder.corpus.vector_cache.vectors_of`.
    """
    encoder = TextEncoder(f"teacher {teacher.fingerprint()}", teacher.dim, teacher.embed)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # of each of the threads that read
    try:
        return vectors_of(encoder, texts, cache, threads=threads, progress=progress)
    finally:
        torch.set_num_threads(before)


def _name(teacher: Teacher, texts: Sequence[str], half: bool) -> str:
    """A name that says which teacher and which texts."""
    digest = hashlib.sha256(f"{teacher.fingerprint()} {half}".encode())
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()[:16]
