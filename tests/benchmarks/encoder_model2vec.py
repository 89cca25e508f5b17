"""model2vec on the films, run by a Python of its own:
`python encoder_model2vec.py TEACHER TEXTS OUT`.

One line of JSON for each variant: name, bytes of weights and tokenizer, items per CPU second, where
the vectors lie. The variants are its defaults and the sizes that stand beside our points. Its own
float16 and int8 are used as they come.
"""

import json
import pathlib
import sys
import time

import numpy as np
from model2vec.distill import distill

VARIANTS = (
    ("model2vec 256 float16 (default)", {"pca_dims": 256, "quantize_to": "float16"}),
    ("model2vec 384 int8", {"pca_dims": 384, "quantize_to": "int8"}),
    ("model2vec 128 int8", {"pca_dims": 128, "quantize_to": "int8"}),
)


def main() -> None:
    teacher, given, out = (
        sys.argv[1],
        json.loads(pathlib.Path(sys.argv[2]).read_text()),
        pathlib.Path(sys.argv[3]),
    )
    for number, (name, options) in enumerate(VARIANTS):
        model = distill(teacher, device="cpu", **options)
        folder = out / f"variant{number}"
        model.save_pretrained(str(folder))
        size = sum(
            (folder / file).stat().st_size for file in ("model.safetensors", "tokenizer.json")
        )
        rate = 0.0
        for _ in range(3):
            began = time.process_time()
            model.encode(given["sample"], use_multiprocessing=False)
            rate = max(rate, len(given["sample"]) / (time.process_time() - began))
        vectors = np.asarray(
            model.encode(list(given["texts"]), use_multiprocessing=False), np.float32
        )
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        file = out / f"variant{number}.npy"
        np.save(file, vectors)
        sys.stdout.write(
            json.dumps({"name": name, "bytes": size, "items_per_s": rate, "vectors": str(file)})
            + "\n"
        )


if __name__ == "__main__":
    main()
