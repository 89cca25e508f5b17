"""The table of ACLs in docs/operations.md, as Strimzi's rules."""

from __future__ import annotations

import re
from pathlib import Path

OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
Rule = tuple[str, str, str, str]  # operation, type of resource, name, pattern


def roles() -> set[str]:
    section = OPERATIONS.partition("| role | commands | rights |")[2].partition("\n\n")[0]
    return set(re.findall(r"^\| ([a-z]+) \|", section, re.MULTILINE))


def rules(role: str) -> set[Rule]:
    row = re.search(rf"^\| {role} \| [^|]* \| (.*) \|$", OPERATIONS, re.MULTILINE)
    assert row, role
    found = set()
    for part in row[1].split("; "):
        operations, _, resources = part.partition(" on ")
        kind = resources.partition(" `")[0].replace("transactional id", "transactionalId")
        for name in re.findall(r"`([^`]+)`", resources):
            full = name.replace("{group}", "slatestream")
            pattern = "prefix" if full.endswith("*") else "literal"
            found |= {
                (operation, kind, full.rstrip("*"), pattern) for operation in operations.split(", ")
            }
    return found
