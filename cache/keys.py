"""What identifies a result: a canonical hash over everything that changes the answer.

The "code version" in a key is an integer per algorithm, raised by hand when the algorithm's answers change; a golden
test fails when they change without it.
"""

import hashlib
from typing import Any

import msgspec

from analysis.records import ResultKey

VERSIONS = {
    "profile": 2,
    "evaluation": 2,
    "divergence": 4,
    "paper_divergence": 1,
    "generation": 1,
    "mastery": 1,
    "sft": 1,
    "blend": 2,
    "spectrum": 1,
    "gradients": 1,
    "skill": 1,
    "planted": 1,
    "task": 1,
    "tuned": 1,
    "cell": 1,
}


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces, so that equal values give equal bytes; 20.0 and 20 are one number."""
    return msgspec.json.encode(_plain(value), order="deterministic")


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


def digest(value: Any) -> str:
    """128-bit hash of a value's canonical form, as 32 hexadecimal digits."""
    return hashlib.blake2b(canonical(value), digest_size=16).hexdigest()


def make_key(kind: str, **parts: Any) -> ResultKey:
    """A key of this kind at the algorithm's present version."""
    return ResultKey(kind=kind, version=VERSIONS[kind], parts=parts)


def key_digest(key: ResultKey) -> str:
    """The folder name a key's result lies under."""
    return digest({"kind": key.kind, "version": key.version, "parts": dict(key.parts)})
