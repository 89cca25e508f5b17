"""A release's folder as records, for readers that share no disk with the batch side.

`encoder-files` is compact and has one partition. A record is one part of one file:

    key     VERSION/FILE/PART, PART counted from 0
    value   bytes PART * PART_BYTES and on of the file, PART_BYTES of them at most; null: forgotten

The parts are written in the transaction that names the release, before its record: who reads the
record finds every part. They have no format byte of their own: the record on `encoder-releases`
carries the SHA-256 of the manifest, the manifest that of every file, and a folder is used only when
all of them agree (`encoder.serving.artifact.load`).
"""

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from encoder.serving.artifact import MANIFEST, Artifact, ArtifactError, load
from encoder.serving.artifact_writing import sync
from encoder.serving.wire import Release

# Below the largest record that brokers take as shipped (1 MiB).
PART_BYTES = 512 * 1024
# A reader writes parts as they come, before it can check them: no record may ask for more disk.
MAX_PARTS = 8192  # of one file: 4 GiB
_NAME = re.compile(r"[\w-][\w.-]*", re.ASCII)
_KEY = re.compile(rf"({_NAME.pattern})/({_NAME.pattern})/(0|[1-9]\d{{0,4}})", re.ASCII)


class Part(NamedTuple):
    """Which bytes of which file a record holds."""

    version: str
    file: str
    number: int

    @property
    def key(self) -> str:
        """The record's key."""
        return f"{self.version}/{self.file}/{self.number}"


def part_of(key: bytes | None) -> Part | None:
    """The part that a key names; None for a key that names none."""
    found = _KEY.fullmatch((key or b"").decode(errors="replace")) if key else None
    if found is None or int(found[3]) >= MAX_PARTS:
        return None
    return Part(found[1], found[2], int(found[3]))


def parts(artifact: Artifact) -> Iterator[tuple[Part, bytes]]:
    """Every file of a folder in parts, the manifest last; an empty file is one empty part."""
    for name in (*sorted(artifact.files), MANIFEST):
        with (artifact.path / name).open("rb") as file:
            number, content = 0, file.read(PART_BYTES)
            while content or number == 0:
                yield Part(artifact.version, name, number), content
                number, content = number + 1, file.read(PART_BYTES)


class Receiving:
    """Puts the parts of one release together, beside its place; use it in `with`.

    Parameters
    ----------
    release
        The record that named it.
    releases
        The folder of releases; made if it is not there.

    Raises
    ------
    ArtifactError
        The record names something else than a folder beside others.
    OSError
        The folder cannot be written, or the disk is full.
    """

    def __init__(self, release: Release, releases: Path) -> None:
        if _NAME.fullmatch(release.artifact) is None:
            msg = f"artifact: expected the name of a folder, found {release.artifact!r}"
            raise ArtifactError(msg)
        self._release = release
        self._place = releases / release.artifact
        releases.mkdir(parents=True, exist_ok=True)
        self._aside = Path(tempfile.mkdtemp(prefix=f".{release.artifact}.", dir=releases))

    def add(self, key: bytes | None, value: bytes | None) -> None:
        """One record of `encoder-files`; those of other releases, and broken ones, are passed."""
        part = part_of(key)
        if value is None or part is None or part.version != self._release.version:
            return
        if len(value) > PART_BYTES:
            return
        path = self._aside / part.file
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.seek(part.number * PART_BYTES)
            file.write(value)

    def finish(self) -> Artifact:
        """Check every byte, then give the folder its name.

        Raises
        ------
        ArtifactError
            Parts are missing or are not those of the release.
        """
        for file in sorted(self._aside.iterdir()):
            sync(file)
        load(self._aside, self._release.sha256)
        if self._place.is_dir():
            with contextlib.suppress(ArtifactError):
                return load(self._place, self._release.sha256)  # another process was faster
            shutil.rmtree(self._place)
        self._aside.chmod(0o755)
        self._aside.rename(self._place)
        sync(self._place.parent)
        return load(self._place, self._release.sha256)

    def __enter__(self) -> "Receiving":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._aside, ignore_errors=True)
