"""What `slatestream doctor` looks at on this machine: settings, policy file, disk."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from bandits.slates.config import ConfigError
from bandits.slates.config_file import load_policy_file
from streams.commands.findings import BAD, GOOD, Finding
from streams.config import Settings
from streams.settings import SETTINGS

LEAST_FREE_BYTES = 2 << 30  # state of some million rows, with RocksDB's room to compact


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Which settings are not at their default (a wrong one ends every command before this)."""
    changed = []
    for setting in SETTINGS:
        value = getattr(settings, setting.field)
        if setting.default is None or value != setting.kind(setting.default):
            if value is not None:
                changed.append(f"{setting.name}={'(secret)' if setting.secret else value}")
    yield Finding("settings", GOOD, ", ".join(changed) or "all at their defaults")


def check_policy_file(settings: Settings) -> Iterator[Finding]:
    """Whether the policy file can be used."""
    if settings.policy_file is not None and not settings.policy_file.is_file():
        remedy = "mend SLATESTREAM_POLICY_FILE, or unset it for the default policy"
        yield Finding(
            "policy file", BAD, f"expected a file at {settings.policy_file}, found none", remedy
        )
        return
    try:
        policy_file = load_policy_file(settings.policy_file)
    except ConfigError as error:
        yield Finding("policy file", BAD, str(error), f"mend {settings.policy_file}")
        return
    found = ", ".join(
        f"{each.name} {each.share:.0%}: {each.config.policy} ({each.config.version})"
        for each in policy_file.variants
    )
    yield Finding("policy file", GOOD, f"{found} from {settings.policy_file or 'the default'}")


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Whether the data directory can be written and has room."""
    directory = settings.data_dir.resolve()
    existing = _nearest_existing(directory)
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        yield Finding(
            "disk",
            BAD,
            f"{directory} cannot be written",
            "give this user the directory, or set SLATESTREAM_DATA_DIR",
        )
        return
    free = shutil.disk_usage(existing).free
    room = f"{free / (1 << 30):.1f} GiB free at {directory}"
    if free < LEAST_FREE_BYTES:
        yield Finding(
            "disk",
            BAD,
            room,
            f"free some space: a worker wants {LEAST_FREE_BYTES >> 30} GiB and stops when the "
            "disk is full",
        )
    else:
        yield Finding("disk", GOOD, room)


def _nearest_existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())
