"""Whatever a figure sets side by side stays apart without some of the cones: by colour, or else by dash or mark.

Simulated with the matrices of Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color
Vision Deficiency", IEEE TVCG 15(6), 2009, table 1, severity 1.0, on linear RGB. Distances: CIE 1976 (delta E of L*a*b*,
D65), where 2.3 is just noticeable; 15 is told apart at a glance in a thin line.
"""

from collections.abc import Mapping
from itertools import combinations, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.figures import concentration, flips, open_domain, open_planted, style, training
from analysis.figures.experiments import BETTER, LEVEL_SHAPES, WORSE
from analysis.figures.tokens import PART_COLOURS
from analysis.records import MASTERY_LEVELS, STRATEGIES

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


def close_pairs(inks: Mapping[str, str], paper: style.Paper) -> dict[tuple[str, str], float]:
    """Pairs that some eyes take for alike on that paper, with their distance."""
    shown = {name: style.ON_DARK.get(ink, ink) if paper == "dark" else ink for name, ink in inks.items()}
    pairs = {
        (one, other): min(distance(shown[one], shown[other], eyes) for eyes in ("usual", *MATRICES))
        for one, other in combinations(shown, 2)
    }
    return {pair: round(apart, 1) for pair, apart in pairs.items() if apart < APART}


PALETTES = {
    "models": MODELS,
    "sides of the 2 x 2 grid": flips.COLOURS,
    "groups of planted facts": open_planted.GROUP_COLOURS,
    "domains trained on": open_domain.COLOURS,
    "gain and loss": {"gain": BETTER, "loss": WORSE, "neither": style.RANDOM},
    "parts of a text": PART_COLOURS,
    "mastery levels": {str(level): style.LEVEL_COLOURS[level] for level in MASTERY_LEVELS},
}


@pytest.mark.parametrize("palette", list(PALETTES))
@pytest.mark.parametrize("paper", ["light", "dark"])
def test_what_is_told_by_colour_alone_is_told_apart_by_all_eyes(palette: str, paper: style.Paper) -> None:
    assert close_pairs(PALETTES[palette], paper) == {}


@pytest.mark.parametrize("eyes", ["usual", *MATRICES])
def test_levels_lighten_step_by_step_for_all_eyes_and_are_none_of_the_models(eyes: str) -> None:
    lightness = [float(seen(colour, eyes)[0]) for colour in style.LEVEL_COLOURS]
    assert all(after > before for before, after in pairwise(lightness)), lightness
    models = [*style.COLOURS.values(), *style.ON_DARK.values()]
    assert min(distance(level, model, "usual") for level in style.LEVEL_COLOURS for model in models) > APART
    assert len(set(LEVEL_SHAPES.values())) == len(style.LEVEL_COLOURS)


@pytest.mark.parametrize("kind", style.KINDS)
def test_what_is_no_state_of_a_model_has_no_models_colour(kind: str) -> None:
    assert min(distance(kind, model, "usual") for model in (style.BASE, style.TUNED, style.RESTORED)) > APART
    assert {style.BASE, style.TUNED, style.RESTORED}.isdisjoint(colour for _, colour in concentration.CURVES.values())


@pytest.mark.parametrize("paper", ["light", "dark"])
def test_lines_whose_colours_come_close_have_dashes_or_marks_of_their_own(paper: style.Paper) -> None:
    """Ten strategies and seven trainings are more than colour can tell; what is close must differ otherwise."""
    told = {
        "strategies": ({name: style.STRATEGY_COLOURS[name] for name in STRATEGIES}, style.STRATEGY_SHAPES),
        "concentration": (
            dict(concentration.CURVES.values()),
            dict(
                zip((words for words, _ in concentration.CURVES.values()), map(str, concentration.DASHES), strict=True)
            ),
        ),
        "trainings": (
            dict(zip("abcdefg", training.CURVE_COLOURS, strict=True)),
            dict(zip("abcdefg", map(str, training.DASHES), strict=True)),
        ),
    }
    for inks, marks in told.values():
        alike = [pair for pair in close_pairs(inks, paper) if marks[pair[0]] == marks[pair[1]]]
        assert alike == []
    assert ("absolute-top", "spectral") in close_pairs(told["strategies"][0], paper), (
        "nothing to excuse: the test is idle"
    )


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
