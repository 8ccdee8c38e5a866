"""A text that must be nowhere, in whatever form somebody may have written it down.

found_in(CANARY, {"place": b"..."})      # ["place: base64"]; empty when it is nowhere
files_below(folder)                      # what to search: {path: bytes}
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

CANARY = "Қалқан-erasure-canary-7f3a91c2"
"""No such word is anywhere else."""


def forms(text: str) -> dict[str, tuple[bytes, ...]]:
    """Return how a text may stand in bytes, by the name of the form."""
    plain = text.encode()
    wide = {f"UTF-16 {end}": text.encode(f"utf-16-{end}") for end in ("le", "be")}
    found: dict[str, tuple[bytes, ...]] = {
        "UTF-8": (plain,),
        "JSON": (json.dumps(text)[1:-1].encode(),),
        "URL": (quote(text).encode(),),
    }
    for name, raw in {"UTF-8": plain, **wide}.items():
        found[name] = (raw,)
        found[f"hex of {name}"] = (raw.hex().encode(), raw.hex().upper().encode())
        found[f"base64 of {name}"] = tuple(_base64_parts(raw))
    return found


def found_in(text: str, places: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> list[str]:
    """Return where a text stands and in which form."""
    pairs = places.items() if isinstance(places, Mapping) else places
    wanted = forms(text)
    return [
        f"{place}: {name}"
        for place, content in pairs
        for name, needles in wanted.items()
        if any(needle in content for needle in needles)
    ]


def files_below(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file with its bytes; its name is searched too. One that is removed meanwhile is passed over."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            try:
                content = path.read_bytes() if path.is_file() else b""
            except OSError:
                continue
            yield str(path), str(path).encode() + b"\0" + content.rstrip(b"\0")  # a broker's files end in zeros


def _base64_parts(raw: bytes) -> Iterator[bytes]:
    """Yield what of the encoding stays the same wherever the bytes begin among others: both alphabets, three places."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            whole = encode(bytes(before) + raw)
            first = -(-before * 8 // 6)
            yield whole[first : (before + len(raw)) * 8 // 6]
