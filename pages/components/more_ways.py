"""The quieter controls of a restoration: where, among which weights, in which arithmetic; folded away by default."""

import streamlit as st

from analysis.figures import strategies
from analysis.records import BLENDS, MAY_PICK_UNCHANGED, RestoreSpec, Strategy
from cache.memo import workspace
from cache.work import Comparison

SCOPE_NAMES = {"global": "all together (paper)", "tensor": "inside each tensor"}
ARITHMETIC_NAMES = {"exact": "exact", "paper": "paper's script"}
AMONG_HELP = (
    "Controls drawn over all weights fall mostly on weights that fine-tuning never changed, and look harmless for no "
    "reason. Drawn on the changed weights only, they really change as much as the paper's order does."
)


def more_ways(comparison: Comparison, strategy: Strategy, region: str) -> RestoreSpec:
    """Draw the controls; returns a spec with their settings (its percentage is 0)."""
    profile = workspace().known_profile(comparison)
    places = [tensor.place for tensor in profile.select(region)] if profile else []
    with st.expander("More ways to choose", icon=":material/tune:"):
        left, right = st.columns(2)
        with left:
            layers = _layers(sorted({place.layer for place in places if place.layer is not None}))
            modules = _modules(list(dict.fromkeys(place.module for place in places)))
        with right:
            scope, arithmetic = _ranking(disabled=strategy in BLENDS)
            among = st.toggle(
                "Changed weights only (equal effective change)",
                key="among",
                help=AMONG_HELP,
                disabled=strategy not in MAY_PICK_UNCHANGED,
                persist_state="session",
            )
    return RestoreSpec(
        0,
        strategy,
        region,
        scope=scope,
        layers=layers,
        arithmetic=arithmetic,
        modules=modules,
        among="changed" if among else "all",
    )


def _layers(present: list[int]) -> tuple[int, ...] | None:
    """A range of layers; None where it is all of them, or there are none to choose from."""
    if len(present) < 2:
        return None
    whole = present[0], present[-1]
    if st.session_state.get("layers_whole") not in (None, whole):  # another pair: its layers are others
        st.session_state.pop("layers", None)
    st.session_state["layers_whole"] = whole
    low, high = st.session_state.get("layers", whole)
    st.session_state["layers"] = max(low, whole[0]), min(max(high, whole[0]), whole[1])
    first, last = st.slider(
        "Layers",
        *whole,
        key="layers",
        help="Whole layers stay as they are outside this range.",
        persist_state="session",
    )
    return None if (first, last) == whole else tuple(layer for layer in present if first <= layer <= last)


def _modules(present: list[str]) -> tuple[str, ...] | None:
    """Kinds of modules; None where none is picked, which means all."""
    held = st.session_state.get("modules") or []
    st.session_state["modules"] = [module for module in held if module in present]
    picked = st.pills(
        "Modules (none picked: all)",
        present,
        selection_mode="multi",
        key="modules",
        help="Attention: q, k, v, o. MLP: gate, up, down.",
        persist_state="session",
    )
    return tuple(picked) or None


def _ranking(*, disabled: bool) -> tuple[str, str]:
    st.session_state.setdefault("scope", "global")
    st.session_state.setdefault("arithmetic", "exact")
    scope = st.segmented_control(
        "Rank",
        list(SCOPE_NAMES),
        format_func=SCOPE_NAMES.get,
        key="scope",
        required=True,
        disabled=disabled,
        persist_state="session",
    )
    arithmetic = st.segmented_control(
        "Arithmetic",
        list(ARITHMETIC_NAMES),
        format_func=ARITHMETIC_NAMES.get,
        key="arithmetic",
        required=True,
        disabled=disabled,
        help=" ".join(strategies.ARITHMETIC_WORDS.values()),
        persist_state="session",
    )
    return scope, arithmetic
