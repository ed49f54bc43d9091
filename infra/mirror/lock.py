"""Writes digests into versions.toml, where none stood; what a person wrote there stays as it is."""

import re
from collections.abc import Mapping
from pathlib import Path


def write_digests(file: Path, found: Mapping[tuple[str, str], str]) -> int:
    """Add `sha256` to entries that have none, by section and name; gives how many. Written whole, or not at all."""
    text, added = file.read_text(), 0
    for (section, name), sha256 in found.items():
        heading = re.escape(f"[{section}.") + rf'"?{re.escape(name)}"?\]\n'
        match = re.search(heading + r"(?P<body>(?:[^\[\n].*\n)+)", text)
        if match and "sha256" not in match["body"]:
            text = f'{text[: match.end()]}sha256 = "{sha256}"\n{text[match.end() :]}'
            added += 1
    part = file.with_name(f"{file.name}.part")
    part.write_text(text)
    part.replace(file)
    return added
