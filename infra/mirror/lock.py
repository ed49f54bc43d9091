"""Write missing digests into versions.toml; everything else in it stays as a person wrote it."""

import re
from collections.abc import Mapping
from pathlib import Path


def write_digests(file: Path, found: Mapping[tuple[str, str], str]) -> int:
    """Add `sha256` to entries that lack it, by section and name, atomically; return how many were added."""
    text, added = file.read_text(), 0
    for (section, name), sha256 in found.items():
        heading = re.escape(f"[{section}.") + rf'"?{re.escape(name)}"?\].*\n'
        match = re.search(heading + r"(?P<body>(?:[^\[\n].*\n)+)", text)
        if match and "sha256" not in match["body"]:
            text = f'{text[: match.end()]}sha256 = "{sha256}"\n{text[match.end() :]}'
            added += 1
    part = file.with_name(f"{file.name}.part")
    part.write_text(text)
    part.replace(file)
    return added
