"""The controls that pick one restoration: the slider with the paper's stops, the order, the region, the seed.

What they stand on is in the session and in the address.
"""

from collections.abc import Callable

import streamlit as st

from analysis.figures import stops
from analysis.records import PAPER_PERCENTS, REGIONS, STRATEGIES, RestoreSpec
from pages.components import selection
from pages.components.words import RELATIVE_CHANGE

QUICK_STOPS = (*PAPER_PERCENTS, 0, 100)  # the paper's, then tuned as it is and the whole region
START_PERCENT = 5.0
TICK_STYLE = """<style>
.stops { position: relative; height: 1.1rem; margin: -1.1rem 0.45rem 0; font-size: 0.7rem; opacity: 0.7; }
.stops i { position: absolute; border-left: 1px solid currentColor; height: 0.35rem; font-style: normal; }
.stops b { position: absolute; top: 0.3rem; transform: translateX(-50%); font-weight: 400; }
</style>"""
REGION_NAMES = {
    "transformer": "transformer layers, no norms (paper)",
    "attention": "attention",
    "mlp": "MLP",
    "embedding": "embeddings",
    "all": "everything",
}


def controls() -> RestoreSpec:
    """The slider with the paper's stops, the order of ranking, the region; all of it in the address too."""
    for key, allowed in ADDRESS.items():
        selection.from_address(key, allowed)
    st.session_state.setdefault("k", START_PERCENT)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.markdown("The paper's stops", width="content")
        for stop in QUICK_STOPS:
            chosen = st.session_state["k"] == stop
            kind = "primary" if chosen else "secondary"
            st.button(f"{stop:g}%", key=f"stop-{stop:g}", type=kind, on_click=move_slider, args=(float(stop),))
    percent = st.slider(
        "Restore the top k% of parameters to their base values",
        min_value=0.0,
        max_value=100.0,
        step=0.5,
        format="%g%%",
        key="k",
        help=RELATIVE_CHANGE,
        persist_state="session",
    )
    st.html(ticks())
    order, region, seed = st.columns([3, 2, 1])
    strategy = order.selectbox(
        "Order",
        STRATEGIES,
        format_func=stops.strategy_name,
        key="strategy",
        persist_state="session",
    )
    place = region.selectbox(
        "Region",
        list(REGIONS),
        format_func=REGION_NAMES.get,
        key="region",
        persist_state="session",
    )
    drawn = seed.number_input(
        "Seed",
        min_value=0,
        key="seed",
        help="Orders ties and draws the random control.",
        persist_state="session",
    )
    for key in ADDRESS:
        selection.to_address(key, st.session_state[key])
    return RestoreSpec(percent, strategy=strategy, region=place, seed=int(drawn))


def percent_of(text: str) -> float | None:
    """A percentage 0-100 from an address, or None."""
    try:
        percent = float(text)
    except ValueError:
        return None
    return percent if 0 <= percent <= 100 else None


def seed_of(text: str) -> int | None:
    """A seed from an address, or None."""
    return int(text) if text.isdecimal() and len(text) < 10 else None


ADDRESS: dict[str, Callable[[str], object | None]] = {
    "k": percent_of,
    "strategy": lambda text: text if text in STRATEGIES else None,
    "region": lambda text: text if text in REGIONS else None,
    "seed": seed_of,
}


def ticks() -> str:
    """Marks under the slider at the paper's stops; positions only, no text from anywhere else."""
    marks = "".join(f'<i style="left:{stop:g}%"><b>{stop:g}</b></i>' for stop in PAPER_PERCENTS)
    return f'<div class="stops" aria-hidden="true">{marks}</div>{TICK_STYLE}'


def move_slider(percent: float) -> None:
    """Put the slider on a stop; a callback."""
    st.session_state["k"] = percent


def follow_click(key: str, click: str) -> None:
    """Move slider, order and seed to the dot that was clicked; a callback."""
    picked = st.session_state[key]["selection"].get(click) or []
    if picked:
        st.session_state["k"] = float(picked[0]["percent"])
        st.session_state["strategy"] = picked[0]["strategy"]
        st.session_state["seed"] = int(picked[0]["seed"])
