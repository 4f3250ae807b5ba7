"""Figures as PNG, SVG and PDF files, drawn by vl-convert without a browser or a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from analysis.figures import style
from analysis.report import small_print

if TYPE_CHECKING:
    from analysis.figures.style import Figure, Paper
    from analysis.report.footer import Line

Picture = Literal["png", "svg", "pdf"]
PICTURES: tuple[Picture, ...] = get_args(Picture)
MIME: dict[Picture, str] = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}
SCALE = 2.0  # pixels of the PNG to a pixel of the page
NO_NETWORK: list[str] = []  # base addresses data may come from: none


def picture(figure: Figure | dict[str, Any], kind: Picture, paper: Paper = "light", made: Sequence[Line] = ()) -> bytes:
    """The figure (or its specification) as a file on that paper; `made` is printed small beneath it."""
    import vl_convert

    drawn = str(vl_convert.vegalite_to_svg(style.on_paper(figure, paper), allowed_base_urls=NO_NETWORK))
    tones = style.PAPERS[paper]
    svg = small_print.under_picture(drawn, made, ink=tones["faint"], background=tones["background"])
    if kind == "svg":
        return svg.encode()
    return bytes(vl_convert.svg_to_pdf(svg) if kind == "pdf" else vl_convert.svg_to_png(svg, scale=SCALE))
