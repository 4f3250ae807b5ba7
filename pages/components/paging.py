"""A long table a page at a time, whose rows can be chosen: what travels to the browser stays small, however many rows.

Search, filters and CSV are the caller's and go over all rows; sorting by a column's head sorts the rows on screen. The
page's number is in the address.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from analysis.figures import numbers
from cache.keys import digest
from pages.components import address

PAGE_ROWS = 200


def paged(
    frame: pd.DataFrame,
    *,
    key: str,
    chosen: str | None,
    on_choose: Callable[[str | None], None],
    columns: dict[str, Any],
    height: int,
    what: str,
    prepare: Callable[[pd.DataFrame], pd.DataFrame] = lambda page: page,
    alt: str | None = None,
) -> None:
    """Draw one page of `frame` (a column `id`), made ready by `prepare`; `alt` says what all of it holds.

    Choosing a row calls `on_choose` with its id, None when it is chosen no more.
    """
    pages = max(1, math.ceil(len(frame) / PAGE_ROWS))
    if st.session_state.get(f"{key}-own", "") != chosen:  # chosen elsewhere: the table goes there, with a fresh widget
        st.session_state[f"{key}-own"] = st.session_state[f"{key}-anchor"] = chosen
        st.session_state.pop(f"{key}-rows", None)
    number = _page(frame, key, chosen, pages)
    start = (number - 1) * PAGE_ROWS
    shown = frame.iloc[start : start + PAGE_ROWS]
    ids = [str(name) for name in shown["id"]]
    # another set of rows is another widget: no row stays chosen by its place
    widget = f"{key}-{digest([ids, number, st.session_state[f'{key}-anchor']])[:12]}"

    def follow() -> None:
        rows = st.session_state[widget]["selection"]["rows"]
        st.session_state[f"{key}-own"] = ids[rows[0]] if rows else None
        on_choose(st.session_state[f"{key}-own"])

    with st.container(key=key, gap="xsmall"):
        st.dataframe(
            prepare(shown),
            hide_index=True,
            column_config=columns,
            key=widget,
            on_select=follow,
            selection_mode="single-row",
            selection_default={"selection": {"rows": [ids.index(chosen)] if chosen in ids else []}},
            height=height,
            row_height=32,
            alt=f"{alt or what} {_rows_words(start, len(shown), len(frame))}",
        )
        _foot(len(frame), start, len(shown), pages, key, what)


def _page(frame: pd.DataFrame, key: str, chosen: str | None, pages: int) -> int:
    """The page to show: the one asked for; after a change of rows or choice, the one with the chosen row, or page 1.

    What the address newly names, by a link, F5 or the browser's Back, stands above both, as far as there are pages.
    """
    name, rows = _name(key), digest([len(frame), list(frame["id"].head(50)), list(frame["id"].tail(5))])
    places = np.flatnonzero(frame["id"].to_numpy() == chosen)
    first = int(places[0]) // PAGE_ROWS + 1 if len(places) else 1
    if st.session_state.get(f"{key}-rows") != rows:
        st.session_state[f"{key}-rows"] = rows
        if not address.names_anew(name):
            st.session_state[name] = first
    address.hold(address.clamped_number(name, 1, pages, first))
    return int(st.session_state[name])


def _name(key: str) -> str:
    """The page's number in the session and in the address."""
    return f"{key}_page"


def _foot(total: int, start: int, shown: int, pages: int, key: str, what: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if pages > 1:
            number = st.session_state[_name(key)]
            turn = {"on_click": _turn, "type": "tertiary"}
            st.button("Previous", key=f"{key}-before", args=(key, -1), disabled=number <= 1, **turn)
            st.button("Next", key=f"{key}-after", args=(key, 1), disabled=number >= pages, **turn)
        st.caption(f"{what}: {_rows_words(start, shown, total)}")


def _rows_words(start: int, shown: int, total: int) -> str:
    return f"{start + 1:,}–{start + shown:,} of {numbers.count(total)}" if shown else "none"


def _turn(key: str, pages: int) -> None:
    st.session_state[_name(key)] += pages
