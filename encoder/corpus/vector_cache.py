"""Vectors of texts, made once and kept on disk, so that a nightly refresh embeds only texts that
are new or changed, and one that was cut off goes on where it was.

vectors    encoder   fingerprint of what makes the vectors: weights, tokenizer, settings
           text      hash of the text (`encoder.serving.text.text_hash`)
           vector    dim little-endian float32
           checksum  CRC-32 of the three

An SQLite file of this one table; `user_version` is its layout. A row whose checksum is wrong is as
good as missing. A file that is no database, or is damaged, or has another layout, is made anew: it
holds nothing that cannot be computed again. `keep_used` drops what this process did not ask for, so
that the file has as many vectors as the last run read: 4 bytes for a number, 27 MB for 17,500 items
and 384 numbers, once for each of teacher and student.
"""

import contextlib
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.serving.embed import Embedder
from encoder.serving.text import text_hash

FloatArray = NDArray[np.float32]

LAYOUT = 1
TABLE = (
    "CREATE TABLE vectors (encoder TEXT, text TEXT, vector BLOB, checksum INTEGER, "
    "PRIMARY KEY (encoder, text))"
)
AT_ONCE = 256  # texts of one part: some seconds of one core, and lost if the run is cut off there


class TextEncoder(NamedTuple):
    """What makes vectors: `fingerprint` differs where the vectors would, `embed` gives (n, dim)
    float32 of n texts, in several threads at once.
    """

    fingerprint: str
    dim: int
    embed: Callable[[Sequence[str]], FloatArray]


def of_embedder(embedder: Embedder) -> TextEncoder:
    """What an encoder that serves says of texts alone."""
    name = f"student {embedder.artifact.fingerprint}"
    return TextEncoder(name, embedder.text_dim, embedder.embed_texts)


class VectorCache:
    """The file at `path`, made if it is not there; a context that closes it. For one process and
    one thread.

    Raises
    ------
    OSError
        The file cannot be read or written, for a reason that a new one would not mend.

    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._named():
            try:
                self._database = _opened(path)
            except sqlite3.OperationalError:  # no room, no right, a lock
                raise
            except sqlite3.DatabaseError:  # damaged
                for each in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
                    each.unlink(missing_ok=True)
                self._database = _opened(path)
            self._database.execute("CREATE TEMP TABLE used (row INTEGER PRIMARY KEY)")

    def __enter__(self) -> "VectorCache":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()

    def get(self, encoder: TextEncoder, texts: Sequence[str]) -> dict[str, FloatArray]:
        """What is known of texts with these hashes: hash -> (dim,) float32."""
        found = {}
        with self._named(), self._database:
            for text in texts:
                row = self._database.execute(
                    "SELECT rowid, vector, checksum FROM vectors WHERE encoder = ? AND text = ?",
                    (encoder.fingerprint, text),
                ).fetchone()
                if row is None or row[2] != _checksum(encoder.fingerprint, text, row[1]):
                    continue
                vector = np.frombuffer(row[1], "<f4")
                if vector.shape == (encoder.dim,):
                    found[text] = vector
                    self._database.execute("INSERT OR IGNORE INTO used VALUES (?)", row[:1])
        return found

    def put(self, encoder: TextEncoder, texts: Sequence[str], vectors: FloatArray) -> None:
        """Keep the vectors (n, dim) of n texts with these hashes."""
        with self._named(), self._database:  # one transaction
            for text, vector in zip(texts, vectors, strict=True):
                content = vector.astype("<f4").tobytes()
                added = self._database.execute(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)",
                    (
                        encoder.fingerprint,
                        text,
                        content,
                        _checksum(encoder.fingerprint, text, content),
                    ),
                )
                self._database.execute("INSERT OR IGNORE INTO used VALUES (?)", (added.lastrowid,))

    def keep_used(self) -> None:
        """Drop every vector that was neither got nor put since the file was opened."""
        with self._named(), self._database:
            self._database.execute("DELETE FROM vectors WHERE rowid NOT IN (SELECT row FROM used)")

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            msg = (
                f"{self._path}: expected a file to keep vectors in, found {error}; make room, or "
                "remove it: it holds nothing that is not computed again"
            )
            raise OSError(msg) from error


def vectors_of(
    encoder: TextEncoder,
    texts: Sequence[str],
    cache: VectorCache | None = None,
    *,
    threads: int = 1,
    progress: Callable[[int, int], None] = lambda done, all_of: None,
) -> FloatArray:
    """Vectors (n, dim) float32 of texts: those that are kept, and the others made now, each text
    once.

    Parameters
    ----------
    encoder
        Makes what is missing.
    texts
        Any number.
    cache
        Where they are kept, part by part as they are made; None keeps nothing.
    threads
        How many parts are made at once. Parts beside each other leave a core nothing to wait for;
        matrices of few texts, split over cores, do.
    progress
        Called with the number of different texts that are there, and of all.

    """
    names = [text_hash(text) for text in texts]
    text_of = dict(zip(names, texts, strict=True))
    row_of = {name: row for row, name in enumerate(text_of)}
    known = cache.get(encoder, list(text_of)) if cache is not None else {}
    vectors = np.empty((len(text_of), encoder.dim), np.float32)  # (different texts, dim)
    for name, vector in known.items():
        vectors[row_of[name]] = vector
    missing = [name for name in text_of if name not in known]
    parts = [missing[at : at + AT_ONCE] for at in range(0, len(missing), AT_ONCE)]
    done = len(known)
    progress(done, len(text_of))
    pool = ThreadPoolExecutor(threads)
    try:
        made = pool.map(lambda part: encoder.embed([text_of[name] for name in part]), parts)
        for part, rows in zip(parts, made, strict=True):
            vectors[[row_of[name] for name in part]] = rows
            if cache is not None:
                cache.put(encoder, part, rows)
            done += len(part)
            progress(done, len(text_of))
    finally:
        pool.shutdown(cancel_futures=True)
    return vectors[[row_of[name] for name in names]]


def _opened(path: Path) -> sqlite3.Connection:
    """The database, with its table.

    Raises
    ------
    sqlite3.DatabaseError
        It is damaged, or has another layout.

    """
    database = sqlite3.connect(path)
    try:
        (layout,) = database.execute("PRAGMA user_version").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables:
            database.execute("PRAGMA auto_vacuum = FULL")  # what is dropped goes from the file
            with database:
                database.execute(TABLE)
                database.execute(f"PRAGMA user_version = {LAYOUT}")
        elif layout != LAYOUT or database.execute("PRAGMA quick_check").fetchone() != ("ok",):
            msg = f"layout {layout}, or damaged"
            raise sqlite3.DatabaseError(msg)
        # after a loss of power the last parts may be gone, and the file is whole
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        database.close()
        raise
    return database


def _checksum(encoder: str, text: str, vector: bytes) -> int:
    return zlib.crc32(vector, zlib.crc32(f"{encoder}/{text}/".encode()))
