"""The controls that pick one restoration: the slider with the paper's stops, the strategy, the region, the seed.

What they stand on is in the session and in the address.
"""

import re
from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from analysis.figures import numbers, strategies
from analysis.records import BLENDS, PAPER_PERCENTS, REGIONS, SEEDED, STRATEGIES, RestoreSpec
from cache.memo import workspace
from cache.work import Comparison
from pages.components import address, progress, selection
from pages.components.more_ways import ARITHMETIC_NAMES, SCOPE_NAMES, more_ways
from pages.components.words import RELATIVE_CHANGE

QUICK_STOPS = (*PAPER_PERCENTS, 0, 100)  # the paper's, then tuned as it is and the whole region
START_PERCENT = 5.0
THRESHOLD_HELP = (
    "Singular values above omega(b) times their median stand out of noise of unknown size (Gavish and Donoho 2014). "
    "Here: the share of directions below it, over the chosen matrices weighted by size."
)
TICK_STYLE = """<style>
.stops { position: relative; height: 1.1rem; margin: -1.1rem 0.45rem 0; font-size: 0.7rem; opacity: 0.7; }
.stops i { position: absolute; border-left: 1px solid currentColor; height: 0.35rem; font-style: normal; }
.stops b { position: absolute; top: 0.3rem; transform: translateX(-50%); font-weight: 400; }
@media (max-width: 640px) { .stops i:nth-child(2) b { display: none; } }
</style>"""
REGION_NAMES = {
    "transformer": "transformer layers, no norms (paper)",
    "attention": "attention",
    "mlp": "MLP",
    "embedding": "embeddings",
    "all": "everything",
}


def controls(comparison: Comparison) -> RestoreSpec:
    """The slider with the paper's stops, the strategy, the region and all the rest; all of it in the address too."""
    for key, allowed in NARROWING.items():
        address.from_address(key, allowed)
    address.take(*FIELDS)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.markdown("The paper's stops", width="content")
        for stop in QUICK_STOPS:
            chosen = st.session_state["k"] == stop
            kind = "primary" if chosen else "secondary"
            st.button(f"{stop:g}%", key=f"stop-{stop:g}", type=kind, on_click=move_slider, args=(float(stop),))
    percent = st.slider(
        "Restore k%: of the weights, or of their change, to their base values",
        min_value=0.0,
        max_value=100.0,
        step=0.5,
        format="%g%%",
        key="k",
        help=RELATIVE_CHANGE,
        persist_state="session",
    )
    st.html(ticks())
    spec = _choices(comparison)
    _write_address()
    return replace(spec, percent=percent).canonical()


def _choices(comparison: Comparison) -> RestoreSpec:
    """Strategy, region and seed in one row, what the strategy does beneath, the rest folded away."""
    order, region, seed = st.columns([3, 2, 1])
    strategy = order.selectbox(
        "Strategy",
        STRATEGIES,
        format_func=strategies.grouped_name,
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
        help="Draws the lots of random and of drop and rescale; orders equal ranks.",
        disabled=strategy in BLENDS and strategy not in SEEDED,
        persist_state="session",
    )
    st.caption(strategies.explanation(strategy))
    spec = replace(more_ways(comparison, strategy, place), seed=int(drawn))
    if strategy == "spectral":
        _threshold_stop(comparison, spec.canonical())
    return spec


def _threshold_stop(comparison: Comparison, spec: RestoreSpec) -> None:
    """The stop the hard threshold stands for, found in the background on request and then remembered."""
    noise = workspace().noise_percent(comparison, spec)
    if noise is not None:
        stop = round(noise, 1)
        st.button(
            f"Donoho–Gavish threshold: {numbers.percent(stop)}",
            key="stop-noise",
            help=THRESHOLD_HELP,
            on_click=move_slider,
            args=(stop,),
        )
    elif not progress.watch(st.session_state.get("spectrum_job"), key="spectrum"):
        st.button(
            "Find the Donoho–Gavish threshold",
            key="find-noise",
            help=THRESHOLD_HELP,
            on_click=_find_threshold,
            args=(comparison,),
        )


def _find_threshold(comparison: Comparison) -> None:
    st.session_state["spectrum_job"] = selection.start(
        "Singular values", "spectrum", comparison, purpose="spectrum", page="restore", quiet=True
    )


def _write_address() -> None:
    """All of it, with layers and modules, whose defaults only the pair knows: one step of the browser's Back.

    After the widgets, so that a browser that has heard of the address has heard where they stand.
    """
    held = {key: st.session_state[key] for key in NARROWING if key in st.session_state}
    joined = {"layers": "-".join, "modules": lambda names: ",".join(names) or "all"}
    narrowed = {key: joined[key](map(str, value)) for key, value in held.items()}
    address.to_addresses(address.texts(*FIELDS) | narrowed)


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


def layers_of(text: str) -> tuple[int, int] | None:
    """A range of layers, `0-3`, from an address, or None."""
    found = re.fullmatch(r"(\d{1,4})-(\d{1,4})", text)
    return (int(found[1]), int(found[2])) if found and int(found[1]) <= int(found[2]) else None


def modules_of(text: str) -> list[str] | None:
    """Module kinds, `q,k`, from an address; `all` is none in particular. What a pair lacks is left out later."""
    if text == "all":
        return []
    return text.split(",") if re.fullmatch(r"[\w.]{1,40}(,[\w.]{1,40}){0,30}", text) else None


NARROWING: dict[str, Callable[[str], object | None]] = {"layers": layers_of, "modules": modules_of}
FIELDS = (
    address.Field("k", percent_of, START_PERCENT, "{:g}".format),
    address.one_of("strategy", STRATEGIES, STRATEGIES[0]),
    address.one_of("region", REGIONS, REGIONS[0]),
    address.Field("seed", seed_of, 0),
    address.one_of("scope", SCOPE_NAMES, "global"),
    address.Field("among", {"all": False, "changed": True}.get, False, lambda on: "changed" if on else "all"),
    address.one_of("arithmetic", ARITHMETIC_NAMES, "exact"),
)


def ticks() -> str:
    """Marks under the slider at the paper's stops; positions only, no text from anywhere else."""
    marks = "".join(f'<i style="left:{stop:g}%"><b>{stop:g}</b></i>' for stop in PAPER_PERCENTS)
    return f'<div class="stops" aria-hidden="true">{marks}</div>{TICK_STYLE}'


def move_slider(percent: float) -> None:
    """Put the slider on a stop; a callback."""
    st.session_state["k"] = percent


def follow_click(key: str, click: str) -> None:
    """Move slider, strategy, seed and candidates to the dot that was clicked; a callback."""
    picked = st.session_state[key]["selection"].get(click) or []
    if picked:
        st.session_state["k"] = float(picked[0]["percent"])
        st.session_state["strategy"] = picked[0]["strategy"]
        st.session_state["seed"] = int(picked[0]["seed"])
        st.session_state["among"] = picked[0]["among"] == "changed"
