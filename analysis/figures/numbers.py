"""How numbers are written on every page and figure, each with its unit. Missing values read as a dash, never as 0."""

import math
from collections.abc import Sequence

MISSING = "–"
MINUS = "−"  # U+2212, as wide as the plus; the axes of figures have it too


def share(fraction: float | None, digits: int = 1) -> str:
    """A fraction 0-1 as a percentage: 0.1234 -> '12.3%'."""
    return MISSING if _absent(fraction) else minus(f"{100 * float(fraction or 0):.{digits}f}%")


def percent(value: float | None, digits: int = 2) -> str:
    """A percentage 0-100 without trailing zeros: 5.0 -> '5%', 2.5 -> '2.5%'."""
    return MISSING if _absent(value) else f"{float(value or 0):.{digits}f}".rstrip("0").rstrip(".") + "%"


def interval(bounds: Sequence[float] | None) -> str:
    """A 95% interval of a fraction: (0.101, 0.146) -> '10.1–14.6%'."""
    if bounds is None or any(_absent(bound) for bound in bounds):
        return MISSING
    return minus(f"{100 * bounds[0]:.1f}–{100 * bounds[1]:.1f}%")


def count(value: float | None) -> str:
    """A whole number with thousands separators."""
    return MISSING if _absent(value) else f"{round(float(value or 0)):,}"


def short_count(value: float | None) -> str:
    """A count in three digits and a letter: 2_048_000 -> '2.05M'."""
    if _absent(value):
        return MISSING
    number = float(value or 0)
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.0f}"


def storage(size: float | None) -> str:
    """A size on disk in three digits and a decimal unit: 65_300_000_000 -> '65.3 GB', 512 -> '512 B'."""
    if _absent(size):
        return MISSING
    number = float(size or 0)
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if number >= unit:
            return f"{number / unit:.3g} {name}"
    return f"{number:.0f} B"


def significant(value: float | None, digits: int = 3) -> str:
    """A number without a natural size, such as a threshold: 0.0012345 -> '0.00123', infinity -> '∞'."""
    if value is None or math.isnan(value):
        return MISSING
    return minus(("∞" if value > 0 else "-∞") if math.isinf(value) else f"{value:.{digits}g}")


def points(difference: float | None) -> str:
    """A difference of two fractions in percentage points, signed: 0.012 -> '+1.2 points', -0.05 -> '−5.0 points'."""
    return MISSING if _absent(difference) else f"{signed(100 * float(difference or 0))} points"


def delta(difference: float | None) -> str:
    """The same for streamlit's metric, which tells a fall from a rise by the keyboard's hyphen: '-5.0 points'."""
    return points(difference).replace(MINUS, "-")


def signed(value: float | None, digits: int = 1) -> str:
    """A change with its sign: 1.25 -> '+1.2', -0.5 -> '−0.5'; one that rounds to nothing is '+0.0'."""
    return MISSING if _absent(value) else minus(f"{round(float(value or 0), digits) + 0.0:+.{digits}f}")


def minus(number: str) -> str:
    """A number as it is read, with a minus sign for the keyboard's hyphen: '-0.31' -> '−0.31'."""
    return number.replace("-", MINUS)


def duration(seconds: float | None) -> str:
    """A time span for people: 0.005 -> '5 ms', 0.42 -> '0.4 s', 75 -> '1 min 15 s', 7300 -> '2 h 1 min'."""
    if _absent(seconds):
        return MISSING
    span = float(seconds or 0)
    if span < 0.1:
        return f"{1000 * span:.0f} ms"
    if span < 60:
        return f"{span:.1f} s" if span < 10 else f"{span:.0f} s"
    minutes, rest = divmod(round(span), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def probability(p: float | None) -> str:
    """A p value with its sign: 'p < 0.001', else 'p = ' and two significant digits."""
    if _absent(p):
        return MISSING
    return "p < 0.001" if float(p or 0) < 0.001 else f"p = {float(p or 0):.2g}"


def _absent(value: float | None) -> bool:
    return value is None or math.isnan(value)
