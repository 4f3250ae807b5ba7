"""Figures as PNG, SVG and PDF files, drawn by vl-convert without a browser or a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from analysis.figures import style

if TYPE_CHECKING:
    from analysis.figures.style import Figure, Paper

Picture = Literal["png", "svg", "pdf"]
PICTURES: tuple[Picture, ...] = get_args(Picture)
MIME: dict[Picture, str] = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}
SCALE = 2.0  # pixels of the PNG to a pixel of the page
NO_NETWORK: list[str] = []  # base addresses data may come from: none


def picture(figure: Figure | dict[str, Any], kind: Picture, paper: Paper = "light") -> bytes:
    """The figure (or its specification) as a file on that paper."""
    import vl_convert

    spec = style.on_paper(figure, paper)
    if kind == "svg":
        return str(vl_convert.vegalite_to_svg(spec, allowed_base_urls=NO_NETWORK)).encode()
    if kind == "pdf":
        return bytes(vl_convert.vegalite_to_pdf(spec, allowed_base_urls=NO_NETWORK))
    return bytes(vl_convert.vegalite_to_png(spec, scale=SCALE, allowed_base_urls=NO_NETWORK))
