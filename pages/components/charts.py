"""A figure or a table on a page, with the pin and the files beneath it: PNG, SVG, PDF; CSV, Markdown, LaTeX.

`finding`: the sentence a pin opens with (default: `alt`), uncertainty and caveat included. `made`: what made it, by
plain name ("plan": "scale", "cells": 20), beside the pair, questions, stop and address that every pin holds; a pin of
the same page, key, address and `made` is the same making. `command`: the command line that makes it again, where it is
not the page's own. `about`: the figure's own word on its questions, stops and texts, in place of the page's; a function
where that takes a while to say.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from analysis.figures import plotly_style, stop_slider, style
from analysis.report import drawn, pictures, tables
from analysis.report.records import Finding, StopReading
from pages.components import kept_slider, once, origin, pinning
from pages.components.words import plain

TABLE_NAMES: dict[tables.TableKind, str] = {"csv": "CSV", "md": "Markdown", "tex": "LaTeX"}


def show(
    figure: Any,
    *,
    key: str,
    alt: str,
    exports: bool = True,
    finding: str | None = None,
    made: Mapping[str, Any] | None = None,
    command: str | None = None,
    about: origin.AboutIt | None = None,
    stops: Sequence[StopReading] = (),
    drawn_as: str | None = None,
    **options: Any,
) -> Any:
    """Draw a figure in the page's theme; `alt` states its message; `options` go to st.vega_lite_chart.

    `stops`: what a pinned restoration's slider shows at each stop (analysis.figures.stop_slider). `drawn_as`: the
    chart's own key, where it is to be drawn anew while the figure stays what it is called.
    """
    spec = once.on_screen(figure, paper())
    event = st.vega_lite_chart(spec, theme="streamlit", key=drawn_as or key, alt=alt, **options)
    if exports:
        with _foot():
            pinning.button(
                lambda: drawn.of_figure(figure, alt, stops),
                key=key,
                finding=finding,
                made=made,
                command=command,
                about=about,
            )
            _save_figure(lambda: figure, key, origin.here(key, made, command, about))
    return event


def show_zoomable(
    figure: Any,
    *,
    key: str,
    alt: str,
    twin: Callable[[], Any],
    finding: str | None = None,
    made: Mapping[str, Any] | None = None,
    command: str | None = None,
    about: origin.AboutIt | None = None,
    **options: Any,
) -> Any:
    """Draw a plotly figure in the page's theme; `twin` is its altair likeness for files; `options` go to plotly."""
    settings = plotly_style.config(key)
    event = st.plotly_chart(figure, theme="streamlit", config=settings, key=key, alt=alt, **options)
    with _foot():
        pinning.button(
            lambda: drawn.of_zoomable(figure, twin(), alt),
            key=key,
            finding=finding,
            made=made,
            command=command,
            about=about,
        )
        _save_figure(twin, key, origin.here(key, made, command, about))
    return event


def draw_kept(finding: Finding, *, key: str) -> None:
    """Draw a pinned figure from what was kept, with the slider over its stops where it has one."""
    spec = once.on_screen(once.Remembered(f"pinned {finding.id}", finding.spec), paper())  # an id tells the content
    if finding.stops:
        spec = copy.deepcopy(spec)
        _slider(finding, spec, key)
    st.vega_lite_chart(spec, theme="streamlit", key=key, alt=finding.alt)


def paper() -> style.Paper:
    """The paper the page is on in this browser."""
    return "dark" if st.context.theme.type == "dark" else "light"


def _slider(finding: Finding, spec: dict[str, Any], key: str) -> None:
    """The stops that were evaluated; moving over them asks nothing but this page."""
    at = kept_slider.draw(finding, f"slider-{key}")
    reading = next(stop for stop in finding.stops if stop.percent == at)
    stop_slider.move(spec, at)
    st.table(pd.DataFrame(reading.rows, columns=list(reading.heads)).map(plain), border="horizontal", hide_index=True)


def foot_of(
    figure: Callable[[], Any],
    *,
    key: str,
    alt: str,
    finding: str | None = None,
    about: origin.AboutIt | None = None,
    labels: tuple[str, str] = ("Pin", "Save figure"),
) -> None:
    """The pin and the files of a figure that stands on the page otherwise, or not at all; drawn when it is asked for.

    `labels` are those of the two buttons.
    """
    with _foot():
        pin, save = labels
        pinning.button(lambda: drawn.of_figure(figure(), alt), key=key, finding=finding, about=about, label=pin)
        _save_figure(figure, key, origin.here(key, about=about), save)


def _foot() -> Any:
    return st.container(horizontal=True, gap="small", vertical_alignment="center")


def _save_figure(figure: Callable[[], Any], key: str, made: origin.Origin, label: str = "Save figure") -> None:
    """Files of the figure, each drawn when it is asked for, with what made it in small print."""
    with st.popover(label, type="tertiary", icon=":material/download:", key=f"save-{key}"):
        chosen = st.segmented_control("Paper", ["light", "dark"], default="light", required=True, key=f"paper-{key}")
        for kind in pictures.PICTURES:
            st.download_button(
                kind.upper(),
                lambda kind=kind: pictures.picture(figure(), kind, chosen or "light", made.lines()),
                file_name=f"palimpsest-{key}.{kind}",
                mime=pictures.MIME[kind],
                on_click="ignore",
                key=f"{kind}-{key}",
            )


def table(
    frame: pd.DataFrame,
    *,
    key: str,
    columns: dict[str, Any] | None = None,
    alt: str | None = None,
    finding: str | None = None,
    made: Mapping[str, Any] | None = None,
    command: str | None = None,
    about: origin.AboutIt | None = None,
    **options: Any,
) -> Any:
    """Draw a table with its pin and all of its rows as files; `columns` are st.column_config entries.

    `alt` says what the table holds, and is `finding` where nothing else is said.
    """
    alt = alt or finding or table_words(frame, columns)
    event = st.dataframe(frame, hide_index=True, column_config=columns or {}, key=key, alt=alt, **options)
    foot(frame, key=key, columns=columns, alt=alt, finding=finding, made=made, command=command, about=about)
    return event


def small_table(
    frame: pd.DataFrame,
    written: pd.DataFrame | None = None,
    *,
    key: str,
    finding: str,
    columns: dict[str, Any] | None = None,
    about: origin.AboutIt | None = None,
) -> None:
    """Draw a table of a few rows as it is read, without a grid's tools; its pin and its files hold the values.

    `written`: how it is read, where that is more than `columns` say; all of it is escaped here. Without `columns`,
    the fractions (0-1) of `frame` are read in %.
    """
    if columns is None:
        fractions = frame.columns[[kind.kind == "f" for kind in frame.dtypes]]
        columns = {name: st.column_config.NumberColumn(format="percent") for name in fractions}
    if written is None:
        written = tables.written_frame(frame, pinning.columns_of([str(name) for name in frame.columns], columns))
    st.table(written.map(plain), border="horizontal", hide_index=True, alt=finding)
    foot(frame, key=key, columns=columns, finding=finding, about=about)


def wrapped_table(
    frame: pd.DataFrame, *, key: str, finding: str | None = None, about: origin.AboutIt | None = None
) -> None:
    """Draw a small table whose sentences are to be read in full, nothing of them taken for Markdown."""
    st.table(frame.map(plain).set_index(frame.columns[0]), alt=finding or table_words(frame))
    foot(frame, key=key, finding=finding, about=about)


def table_words(frame: pd.DataFrame, columns: dict[str, Any] | None = None) -> str:
    """What a table holds, where no sentence says what it shows."""
    shown = pinning.columns_of([str(name) for name in frame.columns], columns or {})
    return f"A table of {len(frame):,} rows: {', '.join(column.label for column in shown)}."


def foot(
    frame: pd.DataFrame,
    *,
    key: str,
    columns: dict[str, Any] | None = None,
    alt: str | None = None,
    finding: str | None = None,
    made: Mapping[str, Any] | None = None,
    command: str | None = None,
    about: origin.AboutIt | None = None,
) -> None:
    """The pin and the files of a table that was drawn otherwise."""
    shown = pinning.columns_of([str(name) for name in frame.columns], columns or {})
    words = alt or finding or table_words(frame, columns)
    with _foot():
        pinning.button(
            lambda: drawn.of_table(frame, shown, words),
            key=key,
            finding=finding,
            made=made,
            command=command,
            about=about,
        )
        came_from = origin.here(key, made, command, about)
        with st.popover("Save table", type="tertiary", icon=":material/download:", key=f"save-{key}"):
            for kind in tables.TABLES:
                _save_table(frame, kind, shown, key, came_from)


def _save_table(
    frame: pd.DataFrame, kind: tables.TableKind, shown: Sequence[Any], key: str, made: origin.Origin
) -> None:
    st.download_button(
        TABLE_NAMES[kind],
        lambda: tables.text_table(frame, kind, shown, made.lines_in(kind)).encode(),
        file_name=f"palimpsest-{key}.{kind}",
        mime=tables.MIME[kind],
        on_click="ignore",
        key=f"{kind}-{key}",
    )


def csv(
    frame: pd.DataFrame | Callable[[], pd.DataFrame],
    key: str,
    *,
    label: str = "CSV",
    about: origin.AboutIt | None = None,
) -> None:
    """Offer all rows of a table as files; a function is called for its table when a file is asked for."""

    made = origin.here(key, about=about)

    def text(kind: tables.TableKind) -> bytes:
        return tables.text_table(frame() if callable(frame) else frame, kind, made=made.lines_in(kind)).encode()

    st.download_button(
        label,
        lambda: text("csv"),
        file_name=f"palimpsest-{key}.csv",
        mime=tables.MIME["csv"],
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
        key=f"csv-{key}",
    )
    with st.popover("Markdown, LaTeX", type="tertiary", key=f"more-{key}"):
        for kind in tables.TABLES[1:]:
            st.download_button(
                TABLE_NAMES[kind],
                lambda kind=kind: text(kind),
                file_name=f"palimpsest-{key}.{kind}",
                mime=tables.MIME[kind],
                on_click="ignore",
                key=f"{kind}-{key}",
            )
