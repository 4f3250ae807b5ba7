"""From an option's words to the values that records take. Knows no record: what a value may mean is refused there."""

from __future__ import annotations

from analysis.errors import SpecError


def read_numbers(text: str, name: str = "percents", low: float = 0, high: float = 100) -> tuple[float, ...]:
    """Comma-separated numbers inside [low, high]; every offender named at once."""
    parts = _parts(text)
    wrong = [part for part in parts if not _is_number(part) or not low <= float(part) <= high]
    if wrong or not parts:
        raise SpecError(
            f"{name} wants comma-separated numbers from {low:g} to {high:g}.", items=wrong or ["nothing given"]
        )
    return tuple(float(part) for part in parts)


def read_whole_numbers(text: str, name: str) -> tuple[int, ...]:
    """Comma-separated whole numbers >= 0; every offender named at once."""
    parts = _parts(text)
    wrong = [part for part in parts if not part.isdigit()]
    if wrong or not parts:
        raise SpecError(f"{name} wants comma-separated whole numbers.", items=wrong or ["nothing given"])
    return tuple(int(part) for part in parts)


def read_layers(text: str | None) -> tuple[int, ...] | None:
    """`0-3` or `0,5,7` or a mixture, as sorted layer numbers."""
    if text is None:
        return None
    numbers: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise SpecError(f"layers is {text!r}: write 0-3, or 0,5,7.")
        numbers.update(range(int(first), int(last if dash else first) + 1))
    return tuple(sorted(numbers))


def read_shares(text: str | None) -> tuple[tuple[int, float], ...]:
    """`0=0.5,4=0.5` as (level, share); what they may be is told with everything else about the training."""
    pairs = [part.partition("=") for part in (text or "").split(",") if part.strip()]
    if any(not level.strip().isdigit() or not _is_number(share) for level, _, share in pairs):
        raise SpecError(f"mix is {text!r}: write levels and their shares, as 0=0.5,4=0.5.")
    return tuple(sorted((int(level), float(share)) for level, _, share in pairs))


def read_words(text: str | None) -> tuple[str, ...] | None:
    """`q,k` as words; None where nothing was given."""
    return None if text is None else tuple(_parts(text))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
