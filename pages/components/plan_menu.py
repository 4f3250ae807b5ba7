"""A menu of a figure's cells beside it: what a click on one opens, for the keyboard and for screen readers."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from analysis.figures import experiments as look
from analysis.figures import experiments_runs as runs
from pages.components import plan_cell

CALLED = "Open a cell by its name"
WIDTH = 420  # pixels


def cells(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fields that a click on each mark of the figure reports, in the order drawn; the paper's own are left out.

    In a specification the click stands on top, and names the layer that it is of where there are several.
    """
    click = next(each for each in spec["params"] if each["name"] == look.CELL_CLICK)
    clicked = next((each for each in spec.get("layer", ()) if each.get("name") in click.get("views", ())), spec)
    rows = spec["datasets"][(clicked.get("data") or spec["data"])["name"]]
    marks = [{field: row[field] for field in click["select"]["fields"]} for row in rows]
    return [mark for mark in marks if not runs.is_papers(mark)]


def choose(spec: Mapping[str, Any], chosen: dict[str, Any], *, common: Mapping[str, Any], key: str) -> None:
    """The menu under the figure called `key`; `chosen`: the fields of the cell looked at, where it is one of it.

    `common`: what all of its marks are of and do not name themselves.
    """
    named = {runs.cell_words({**common, **mark}): plan_cell.text_of(key, mark) for mark in reversed(cells(spec))}
    words = {text: name for name, text in reversed(named.items())}  # what two marks show, as 0% of two orders, is one
    menu, looked_at = f"menu-{key}", runs.cell_words({**common, **chosen}) if chosen else None
    st.session_state[menu] = named.get(looked_at)
    st.selectbox(
        f"{CALLED}: {spec['title']['text']}",  # of several on a page, a screen reader tells which
        list(words),
        index=None,
        key=menu,
        format_func=lambda text: words[text],
        placeholder=CALLED,
        label_visibility="collapsed",
        width=WIDTH,
        on_change=lambda: plan_cell.choose(st.session_state[menu] or ""),
    )
