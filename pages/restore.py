"""Restore, the hero: give the top k% of changed parameters their base values back, and see what the model then knows.

The slider reads the stored profile and stored results only; a stop not yet evaluated goes to the job queue, where
the latest request of this session wins.
"""

from collections.abc import Callable
from typing import Any

import streamlit as st

from analysis.figures import numbers, places, restoration, stops
from analysis.figures.headlines import SCOPE_NAMES, scopes
from analysis.records import PAPER_PERCENTS, REGIONS, STRATEGIES, Evaluation, RestoreCount, RestoreSpec, Stop
from cache.memo import workspace
from cache.work import Asking, Comparison
from pages.components import answers, charts, notices, progress, questions, selection
from pages.components.words import (
    CLIFF,
    EFFECTIVE_K,
    HEADLINE,
    MASTERY,
    MCNEMAR,
    PAPER_LINK,
    RELATIVE_CHANGE,
    THRESHOLD,
)

QUICK_STOPS = (*PAPER_PERCENTS, 0, 100)  # the paper's, then tuned as it is and the whole region
START_PERCENT = 5.0
METRIC_WIDTH = 185  # pixels
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


def preview(count: RestoreCount) -> None:
    """What this stop restores, at once and before any evaluation."""
    changed = numbers.percent(stops.changed_percent(count))
    with st.container(horizontal=True, key="preview"):
        number("Restored parameters", numbers.short_count(count.count), help=f"{count.count:,} of the region.")
        number("Threshold", numbers.significant(count.threshold), help=THRESHOLD)
        number("Effective k", numbers.percent(count.effective_percent), help=EFFECTIVE_K)
        number("Changed by fine-tuning", changed, help=CLIFF)
    if stops.past_cliff(count):
        st.info(
            f"Past the cliff: fine-tuning changed only {changed} of this region, so beyond that restoring more "
            "restores nothing more, and the region equals the base.",
            icon=":material/landslide:",
        )


def result(comparison: Comparison, spec: RestoreSpec, asking: Asking) -> Evaluation | None:
    """The accuracy at this stop: from the store at once, else evaluated in the background."""
    known = workspace().known_evaluation(comparison, spec, asking)
    if known is not None:
        workspace().jobs.withdraw(selection.watcher("stop"))
        return known
    target = (comparison, spec, asking)
    moved = (
        st.session_state.get("stop_asked") != target
    )  # a stop that failed or was cancelled is not asked again by itself
    if st.session_state.pop("evaluate_now", False) or (moved and st.session_state.get("autorun", True)):
        st.session_state["stop_asked"] = target
        st.session_state["stop_job"] = evaluate(comparison, spec, asking)
    if not progress.watch(st.session_state.get("stop_job"), key="stop"):
        st.button("Evaluate this stop", type="primary", on_click=ask_now, icon=":material/play_arrow:")
    return None


def ask_now() -> None:
    """Evaluate once although autorun is off; a callback."""
    st.session_state["evaluate_now"] = True


def evaluate(comparison: Comparison, spec: RestoreSpec, asking: Asking) -> str:
    """Queue this stop, measured against the tuned model; a newer request of this session takes its place."""
    title = f"Ask: {stops.spec_words(spec)}"
    return workspace().start(title, "stop", comparison, spec, asking, watcher=selection.watcher("stop"), page="restore")


def ensure_references(comparison: Comparison, asking: Asking) -> tuple[Evaluation | None, Evaluation | None]:
    """Base and tuned on the same questions; asked in the background when they have not been."""
    found = {state: workspace().known_evaluation(comparison, state, asking) for state in ("base", "tuned")}
    for state, evaluation in found.items():
        once = f"asked-{state}-{selection.identity(comparison)}-{selection.identity(asking)}"
        if evaluation is None and not st.session_state.get(once):
            st.session_state[once] = True
            selection.start_evaluation(comparison, state, asking, page="restore")
    return found["base"], found["tuned"]


def accuracy_metrics(restored: Evaluation, tuned: Evaluation | None, stop: Stop | None) -> None:
    """The answer in numbers: accuracy with its interval per domain, and the questions that changed side."""
    with st.container(horizontal=True, key="accuracy"):
        for metric in stops.accuracy_metrics(restored, tuned):
            number(
                metric.label,
                metric.value,
                f"95%: {metric.interval}",
                help=f"{HEADLINE} Here: {metric.interval}.",
                delta=metric.delta,
                delta_color="normal" if metric.moved else "off",
                delta_arrow="auto" if metric.moved else "off",
            )
        if stop:
            flips = stop.versus_tuned
            p = numbers.probability(flips.mcnemar_p)
            number("Fixed", numbers.count(flips.fixed), "against tuned", help="Wrong in tuned, right now.")
            number(
                "Broken", numbers.count(flips.broken), f"McNemar p = {p}", help=f"Right in tuned, wrong now. {MCNEMAR}"
            )


def number(label: str, value: str, note: str = "", **options: Any) -> None:
    """One metric of fixed width, so that a row of them wraps on a narrow page."""
    with st.container(width=METRIC_WIDTH, gap="xsmall"):
        st.metric(label, value, **options)
        if note:
            st.caption(note)


def curves(known: tuple[Stop, ...], base: Evaluation | None, tuned: Evaluation | None, count: RestoreCount) -> None:
    """Accuracy against k, one panel a domain; a click on a dot moves the slider there."""
    reference = tuned or base
    if reference is None:
        st.caption("The curve appears once the tuned model has been asked.")
        return
    shown = scopes(reference)
    for column, scope in zip(st.columns(len(shown)), shown, strict=True):
        with column:
            figure = restoration.accuracy_curve(
                known,
                scope=scope,
                base=base,
                tuned=tuned,
                current_percent=count.spec.percent,
                changed_percent=stops.changed_percent(count),
            )
            charts.show(
                figure,
                key=f"curve-{scope}",
                alt=stops.curve_words(known, scope, base, tuned),
                on_select=lambda key=f"curve-{scope}": follow_click(key),
                selection_mode=restoration.STOP_CLICK,
            )


def follow_click(key: str) -> None:
    """Move slider, order and seed to the dot that was clicked; a callback."""
    picked = st.session_state[key]["selection"].get(restoration.STOP_CLICK) or []
    if picked:
        st.session_state["k"] = float(picked[0]["percent"])
        st.session_state["strategy"] = picked[0]["strategy"]
        st.session_state["seed"] = int(picked[0]["seed"])


def where(count: RestoreCount) -> None:
    """Where the restored parameters lie."""
    left, right = st.columns(2)
    with left:
        charts.show(places.layer_bars(count), key="layers", alt=places.layer_words(count))
    with right:
        charts.show(places.module_bars(count), key="modules", alt=places.module_words(count))


def levels(base: Evaluation | None, tuned: Evaluation | None, restored: Evaluation | None) -> None:
    """Accuracy per mastery level of the asked facts."""
    reference = tuned or base
    if reference is None:
        return
    percent = {name: st.column_config.NumberColumn(format="percent") for name in ("base", "tuned", "restored")}
    for column, scope in zip(st.columns(len(scopes(reference))), scopes(reference), strict=True):
        table = stops.level_table(scope, base, tuned, restored)
        if not table.empty:
            with column:
                st.markdown(f"**By mastery level, {SCOPE_NAMES[scope]}**", help=MASTERY)
                charts.table(table, key=f"levels-{scope}", columns=percent, width="stretch")


def stops_table(known: tuple[Stop, ...], tuned: Evaluation | None) -> None:
    """Every stop behind the curve, as a table."""
    if known and tuned is not None:
        with st.expander(f"All {len(known)} evaluated stops"):
            charts.table(stops.sweep_table(known, scopes(tuned)), key="stops", width="stretch")


@st.fragment
def hero(comparison: Comparison, asking: Asking | None) -> None:
    """Slider, preview, result and curves; reruns alone when the slider moves."""
    with notices.shown_errors():
        spec = controls()
        st.session_state["restored_spec"] = spec
        count = workspace().count(comparison, spec)
        preview(count)
        if asking is None:
            st.info("Choose questions above to see what the restored model knows.", icon=":material/quiz:")
            where(count)
            return
        base, tuned = ensure_references(comparison, asking)
        restored = result(comparison, spec, asking)
        known = tuple(stop for stop in workspace().known_stops(comparison, asking) if stop.spec.region == spec.region)
        if restored is not None:
            accuracy_metrics(restored, tuned, next((stop for stop in known if stop.spec == spec), None))
        curves(known, base, tuned, count)
        answers.offer_sweep(comparison, asking, key="restore", spec=spec)
        where(count)
        levels(base, tuned, restored)
        stops_table(known, tuned)


st.title("Restore")
st.markdown(
    "Fine-tuning changed some parameters far more than others. Give the most changed ones their base values back and "
    f"ask again: where accuracy rises, those updates did harm ({PAPER_LINK})."
)
pair = notices.needs_pair()
with notices.shown_errors():
    if workspace().known_profile(pair) is None:
        notices.needs_profile(pair)
    head, switch = st.columns([5, 1], vertical_alignment="center")
    with head:
        asked = questions.bar()
    switch.toggle("Autorun", value=True, key="autorun", persist_state="session", help="Evaluate each stop on release.")
    hero(pair, asked)
