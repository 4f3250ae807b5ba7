"""The three model colours, and every pair of strategies drawn together, stay apart without some of the cones.

Simulated with the matrices of Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color
Vision Deficiency", IEEE TVCG 15(6), 2009, table 1, severity 1.0, on linear RGB. Distances: CIE 1976 (delta E of L*a*b*,
D65), where 2.3 is just noticeable; 15 is told apart at a glance in a thin line.
"""

from itertools import combinations, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.figures import style

MATRICES = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.119192, 0.9503041]]
)
WHITE = TO_XYZ @ np.ones(3)
MODELS = {"base": style.BASE, "tuned": style.TUNED, "restored": style.RESTORED, "random": style.RANDOM}
APART = 15.0
Vector = NDArray[np.float64]


def linear(colour: str) -> Vector:
    """#RRGGBB as linear RGB, 0-1."""
    parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(rgb: Vector) -> Vector:
    """Linear RGB as CIE L*a*b*."""
    ratio = TO_XYZ @ rgb / WHITE
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def seen(colour: str, eyes: str) -> Vector:
    """The colour in L*a*b* as these eyes see it."""
    return lab(np.clip(np.array(MATRICES[eyes]) @ linear(colour), 0, 1) if eyes in MATRICES else linear(colour))


def distance(first: str, second: str, eyes: str) -> float:
    return float(np.linalg.norm(seen(first, eyes) - seen(second, eyes)))


def test_white_is_white_to_every_eye_and_black_lies_100_below() -> None:
    for eyes in ("usual", *MATRICES):
        assert seen("#FFFFFF", eyes) == pytest.approx([100, 0, 0], abs=0.02)
        assert distance("#FFFFFF", "#000000", eyes) == pytest.approx(100, abs=0.02)


def test_the_simulation_takes_red_from_green_but_not_blue_from_yellow() -> None:
    assert distance("#C00000", "#4E7A00", "deuteranopia") < 0.4 * distance("#C00000", "#4E7A00", "usual")
    assert distance("#2030C0", "#D0C000", "deuteranopia") > 80


@pytest.mark.parametrize("eyes", ["usual", *MATRICES])
@pytest.mark.parametrize("paper", ["light", "dark"])
def test_the_model_colours_are_told_apart(eyes: str, paper: style.Paper) -> None:
    shown = {name: style.ON_DARK.get(ink, ink) if paper == "dark" else ink for name, ink in MODELS.items()}
    close = {
        f"{one}, {other}": round(distance(shown[one], shown[other], eyes), 1)
        for one, other in combinations(shown, 2)
        if distance(shown[one], shown[other], eyes) < APART
    }
    assert close == {}


@pytest.mark.parametrize("eyes", list(MATRICES))
def test_the_sequential_scale_grows_lighter_step_by_step(eyes: str) -> None:
    import vl_convert

    spec = {
        "data": {"values": [{"x": at, "v": at} for at in range(9)]},
        "mark": "rect",
        "encoding": {
            "x": {"field": "x", "type": "ordinal"},
            "color": {"field": "v", "type": "quantitative", "scale": {"scheme": style.SEQUENTIAL}, "legend": None},
        },
    }
    fills = [part.split('"')[0] for part in vl_convert.vegalite_to_svg(spec).split('fill="')[1:]]
    steps = [fill for fill in fills if fill.startswith("rgb(") or (fill.startswith("#") and len(fill) == 7)]
    colours = list(dict.fromkeys(map(_hex, steps)))[-9:]
    lightness = [float(seen(colour, eyes)[0]) for colour in colours]
    assert len(colours) == 9
    assert all(after - before > 3 for before, after in pairwise(lightness)), lightness


def _hex(fill: str) -> str:
    if fill.startswith("#"):
        return fill.upper()
    return "#" + "".join(f"{int(part):02X}" for part in fill[4:-1].split(","))
