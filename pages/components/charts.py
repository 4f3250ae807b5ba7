"""A figure on a page, with its exports beneath it; a table on a page, with its CSV."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from analysis.figures import plotly_style, style
from pages.components.words import plain

EXPORT_SCALE = 2.0  # pixels of the PNG to a pixel of the page


def show(
    figure: Any,
    *,
    key: str,
    alt: str,
    exports: bool = True,
    finding: str | None = None,
    made: Mapping[str, Any] | None = None,
    command: str | None = None,
    **options: Any,
) -> Any:
    """Draw a figure in the page's theme; `alt` states its message; `options` go to st.vega_lite_chart.

    `finding`: the sentence a pin of it opens with (default: `alt`), uncertainty and caveat included. `made`: what made
    it, by plain name ("plan": "scale", "k %": 20, "n": 500), beside the pair, questions and view every pin holds; a
    pin with the same page, key and `made` is the same making. `command`: the command line that makes it again.
    """
    event = st.vega_lite_chart(style.on_screen(figure, paper()), theme="streamlit", key=key, alt=alt, **options)
    if exports:
        _exports(figure, key)
    return event


def show_zoomable(
    figure: Any,
    *,
    key: str,
    alt: str,
    finding: str | None = None,
    made: Mapping[str, Any] | None = None,
    command: str | None = None,
    **options: Any,
) -> Any:
    """Draw a plotly figure in the page's theme; its own camera button saves it; `options` go to st.plotly_chart."""
    settings = plotly_style.config(key)
    return st.plotly_chart(figure, theme="streamlit", config=settings, key=key, alt=alt, **options)


def paper() -> style.Paper:
    """The paper the page is on in this browser."""
    return "dark" if st.context.theme.type == "dark" else "light"


def _exports(figure: Any, key: str) -> None:
    with st.popover("Save figure", type="tertiary", icon=":material/download:", key=f"save-{key}"):
        chosen = st.segmented_control("Paper", ["light", "dark"], default="light", required=True, key=f"paper-{key}")
        for kind, mime in (("png", "image/png"), ("svg", "image/svg+xml")):
            st.download_button(
                kind.upper(),
                lambda kind=kind: picture(figure, kind, chosen or "light"),
                file_name=f"palimpsest-{key}.{kind}",
                mime=mime,
                on_click="ignore",
                key=f"{kind}-{key}",
            )


def picture(figure: Any, kind: str, on: style.Paper) -> bytes:
    """The figure as a PNG or SVG file on that paper, made without a browser."""
    import vl_convert

    spec = style.on_paper(figure, on)
    if kind == "svg":
        return vl_convert.vegalite_to_svg(spec).encode()
    return vl_convert.vegalite_to_png(spec, scale=EXPORT_SCALE)


def table(
    frame: pd.DataFrame,
    *,
    key: str,
    columns: dict[str, Any] | None = None,
    finding: str | None = None,
    made: Mapping[str, Any] | None = None,
    command: str | None = None,
    **options: Any,
) -> Any:
    """Draw a table and offer all of its rows as CSV; `columns` are st.column_config entries."""
    event = st.dataframe(frame, hide_index=True, column_config=columns or {}, key=key, **options)
    csv(frame, key)
    return event


def wrapped_table(frame: pd.DataFrame, *, key: str) -> None:
    """Draw a small table whose sentences are to be read in full, nothing of them taken for Markdown; CSV beneath."""
    st.table(frame.map(plain).set_index(frame.columns[0]))
    csv(frame, key)


def csv(frame: pd.DataFrame | Callable[[], pd.DataFrame], key: str, *, label: str = "CSV") -> None:
    """Offer all rows of a table as a CSV file; a function is called for its table when the file is asked for."""
    st.download_button(
        label,
        lambda: (frame() if callable(frame) else frame).to_csv(index=False).encode(),
        file_name=f"palimpsest-{key}.csv",
        mime="text/csv",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
        key=f"csv-{key}",
    )
