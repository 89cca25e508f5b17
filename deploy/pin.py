"""Write the digest that a registry has now behind the tag of every image we build upon or run.

    python deploy/pin.py        needs docker with buildx, and the registry

A digest cannot be known without the registry, so the repository has tags; whoever builds for
production pins them first and keeps the change.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
FILES = (HERE / "Dockerfile", HERE / "compose.yaml")
# `ARG PYTHON=...` and `image: ...`, without a digest that stands there already; images of our own
# are built, not pulled
REFERENCE = re.compile(
    r"^(ARG PYTHON=|\s+image: )(?!slatestream)([\w./-]+:[\w.-]+)(?:@sha256:[0-9a-f]{64})?$",
    re.MULTILINE,
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def pinned(text: str, digest_of: Callable[[str], str]) -> str:
    """`text` with the digest of every image behind its tag."""
    return REFERENCE.sub(lambda found: f"{found[1]}{found[2]}@{digest_of(found[2])}", text)


def ask(image: str) -> str:
    """The digest that the registry has for a tag."""
    command = ["docker", "buildx", "imagetools", "inspect", image]
    done = subprocess.run(
        [*command, "--format", "{{.Manifest.Digest}}"], capture_output=True, text=True, check=False
    )
    digest = done.stdout.strip()
    if done.returncode or not DIGEST.fullmatch(digest):
        reason = (done.stderr.strip().splitlines() or [f"found {digest!r}"])[-1]
        sys.exit(f"{image}: expected a digest from its registry; {reason}")
    return digest


def main() -> None:
    """Pin all files, or none."""
    texts = {path: pinned(path.read_text(), ask) for path in FILES}
    for path, text in texts.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
