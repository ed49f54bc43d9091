"""Write missing digests into versions.toml; everything else in it stays as a person wrote it."""

import re
from collections.abc import Mapping
from pathlib import Path


def write_digests(file: Path, found: Mapping[tuple[str, str], str]) -> int:
    """Add `sha256` to entries that lack it, by section and name, atomically; return how many were added."""
    text, added = file.read_text(), 0
    for (section, name), sha256 in found.items():
        text, done = (
            _in_line(text, name, sha256) if section == "chart_images" else _in_section(text, section, name, sha256)
        )
        added += done
    part = file.with_name(f"{file.name}.part")
    part.write_text(text)
    part.replace(file)
    return added


def _in_line(text: str, name: str, sha256: str) -> tuple[str, int]:
    """Add the digest to an entry of one line, `"NAME" = { tag = "1.2" }`."""
    entry = rf'^("{re.escape(name)}" = {{ tag = "[^"]+") }}$'
    return re.subn(entry, rf'\1, sha256 = "{sha256}" }}', text, flags=re.MULTILINE)


def _in_section(text: str, section: str, name: str, sha256: str) -> tuple[str, int]:
    """Add the digest to a section that lacks one."""
    heading = re.escape(f"[{section}.") + rf'"?{re.escape(name)}"?\].*\n'
    match = re.search(heading + r"(?P<body>(?:[^\[\n].*\n)+)", text)
    if match is None or "sha256" in match["body"]:
        return text, 0
    return f'{text[: match.end()]}sha256 = "{sha256}"\n{text[match.end() :]}', 1
