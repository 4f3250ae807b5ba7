"""What the components that run in the browser share: their files, and whether their data is new."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec

_HERE = Path(__file__).parent


def joined(*names: str) -> str:
    """Scripts or styles one after another: the browser gets them as one."""
    return "\n".join((_HERE / name).read_text("utf-8") for name in names)


def fingerprint(data: dict[str, Any]) -> str:
    """Tells the browser whether there is anything to draw anew."""
    return hashlib.blake2b(msgspec.json.encode(data), digest_size=16).hexdigest()
