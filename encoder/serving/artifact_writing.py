"""Writing an artifact folder: aside, hashed, synced, renamed; readers never see half of one."""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from encoder.serving.artifact import (
    CARD,
    CONFIG,
    MANIFEST,
    TOKENIZER,
    WEIGHTS,
    Artifact,
    ArtifactConfig,
    ArtifactError,
    Card,
    _File,
    _Manifest,
    _sha256,
    load,
)


@contextlib.contextmanager
def writing(out: Path, config: ArtifactConfig, card: Card) -> Iterator[Path]:
    """Write an artifact so that it appears whole or not at all.

    1. yield a folder beside `out` for the caller's files; 2. add config and card; 3. hash all and
       write the manifest;
    4. synchronise to disk; 5. rename to `out`. An exception inside leaves `out` as it was.

    A folder already at `out` is replaced (there is a moment with none); a release never is: its
    name is its content.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))  # 1
    try:
        yield aside
        _write(aside / CONFIG, config)  # 2
        _write(aside / CARD, card)
        _write(aside / MANIFEST, _manifest(aside, config))  # 3
        for file in sorted(aside.iterdir()):  # 4
            sync(file)
        sync(aside)
        aside.chmod(0o755)  # mkdtemp makes it private to the user; a worker may run as another
        if out.exists():  # 5
            old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
            out.rename(old / out.name)
            aside.rename(out)
            shutil.rmtree(old)
        else:
            aside.rename(out)
        sync(out.parent)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def link_files(
    artifact: Artifact, folder: Path, keep: Callable[[str], bool] = lambda name: True
) -> None:
    """Put the files of an artifact into another folder, without copying where the file system can
    link.

    subtle: a linked file is shared, so it must be replaced in the new folder (unlink, then write),
    never written into.
    """
    for name in artifact.files:
        if name in (CONFIG, CARD) or not keep(name):
            continue
        try:
            os.link(artifact.path / name, folder / name)
        except OSError:  # another file system, or one without links
            shutil.copyfile(artifact.path / name, folder / name)


def with_card(artifact: Artifact, card: Card, out: Path | None = None) -> Artifact:
    """The same encoder with another card (figures are measured after it exists), at `out` or in its
    own place.
    """
    target = out or artifact.path
    with writing(target, artifact.config, card) as folder:
        link_files(artifact, folder)
    return load(target)


def _manifest(folder: Path, config: ArtifactConfig) -> _Manifest:
    files = {
        f.name: _File(_sha256(f), f.stat().st_size)
        for f in sorted(folder.iterdir())
        if f.name != MANIFEST
    }
    missing = {WEIGHTS[config.kind], TOKENIZER} - files.keys()
    if missing:
        msg = (
            f"expected {', '.join(sorted(missing))} in a {config.kind} artifact, found "
            f"{', '.join(sorted(files))}"
        )
        raise ArtifactError(msg)
    content = "".join(f"{name} {file.sha256}\n" for name, file in files.items() if name != CARD)
    digest = hashlib.sha256(content.encode()).hexdigest()
    return _Manifest(f"{config.kind}-{config.dim}-{digest[:12]}", config.kind, config.dim, files)


def _write(path: Path, content: msgspec.Struct) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
