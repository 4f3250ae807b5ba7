"""Restore, the hero: give the top k% of changed parameters their base values back, and see what the model then knows.

The slider reads the stored profile and stored results only; a stop not yet evaluated goes to the job queue, where
the latest request of this session wins.
"""

from functools import partial

import streamlit as st

from analysis.figures import (
    numbers,
    repairs,
    restoration,
    stop_levels,
    stop_sentence,
    stop_slider,
    stop_verdicts,
    stops,
)
from analysis.figures.headlines import SCOPE_NAMES, scopes
from analysis.records import Evaluation, RestoreCount, RestoreSpec, Stop
from analysis.report.records import Grows
from cache.making import About
from cache.memo import workspace
from cache.work import Asking, Comparison
from pages.components import (
    address,
    charts,
    notices,
    once,
    progress,
    questions,
    repair,
    selection,
    stop_controls,
    stop_preview,
    stop_tests,
    sweeps,
)
from pages.components.stop_preview import number
from pages.components.words import EFFECTIVE_K, HEADLINE, L2_MOVED, MASTERY, MCNEMAR, PAPER_LINK, plain


def result(comparison: Comparison, spec: RestoreSpec, asking: Asking) -> Evaluation | None:
    """The accuracy at this stop: from the store at once, else evaluated in the background.

    A stop is tried once by itself; one that failed or was cancelled is tried again on request only.
    """
    known = workspace().known_evaluation(comparison, spec, asking)
    if known is not None:
        workspace().jobs.withdraw(selection.watcher("stop"))
        return known
    wanted = (comparison, spec, asking)
    if st.session_state.get("autorun", True) and st.session_state.get("stop_tried") != wanted:
        evaluate(*wanted)
    if st.session_state.get("stop_tried") != wanted or not progress.watch(st.session_state.get("stop_job"), key="stop"):
        st.button("Evaluate this stop", type="primary", on_click=evaluate, args=wanted, icon=":material/play_arrow:")
    return None


def evaluate(comparison: Comparison, spec: RestoreSpec, asking: Asking) -> None:
    """Queue this stop, measured against the tuned model; a newer request of this session takes its place."""
    st.session_state["stop_tried"] = (comparison, spec, asking)
    title = f"Ask: {stops.spec_words(spec)}"
    st.session_state["stop_job"] = selection.start(
        title, "stop", comparison, spec, asking, purpose="stop", page="restore", quiet=True
    )


def ensure_references(comparison: Comparison, asking: Asking) -> tuple[Evaluation | None, Evaluation | None]:
    """Base and tuned on the same questions; asked in the background when they have not been."""
    found = {state: workspace().known_evaluation(comparison, state, asking) for state in ("base", "tuned")}
    asked = st.session_state.setdefault(selection.ASKED, set())
    for state, evaluation in found.items():
        if evaluation is None and (comparison, state, asking) not in asked:
            asked.add((comparison, state, asking))
            selection.start_evaluation(comparison, state, asking, page="restore")
    return found["base"], found["tuned"]


def accuracy_metrics(asking: Asking, restored: Evaluation, tuned: Evaluation | None, stop: Stop | None) -> None:
    """The answer in numbers: accuracy with its interval per domain, and the questions that changed side.

    A change is coloured where its test carries one, and grey where it is no better than chance.
    """
    every = workspace().question_set(asking).questions
    against = stop_verdicts.against_tuned(stop, restored, tuned, every) if stop and tuned else {}
    with st.container(horizontal=True, key="accuracy"):
        for scope, metric in zip(scopes(restored), stops.accuracy_metrics(restored, tuned, against), strict=True):
            change = repairs.change_words(stop, scope) if stop else ""
            told = metric.direction != "unclear"
            doubt = "" if told or scope not in against else "not distinguishable from tuned"
            number(
                metric.label,
                metric.value,
                "  \n".join(filter(None, (f"95%: {metric.interval}", change, doubt))),
                help=f"{HEADLINE} Here: {metric.interval}.",
                delta=metric.delta,
                delta_color="normal" if told else "off",
                delta_arrow="auto" if told else "off",
            )
        if stop:
            flips = stop.versus_tuned
            p = numbers.probability(flips.mcnemar_p)
            number("Fixed", numbers.count(flips.fixed), "against tuned", help="Wrong in tuned, right now.")
            number("Broken", numbers.count(flips.broken), f"McNemar {p}", help=f"Right in tuned, wrong now. {MCNEMAR}")


def curves(
    comparison: Comparison,
    asking: Asking,
    known: tuple[Stop, ...],
    base: Evaluation | None,
    tuned: Evaluation | None,
    spec: RestoreSpec,
    count: RestoreCount | None,
) -> None:
    """Accuracy against k or effective k, one panel a domain; a click on a dot moves the slider there."""
    reference = tuned or base
    if reference is None:
        st.caption("The curve appears once the tuned model has been asked.")
        return
    address.hold(address.one_of("axis", restoration.AXIS_NAMES, "percent"))
    axis = st.segmented_control(
        "Compare at equal",
        list(restoration.AXIS_NAMES),
        format_func=restoration.AXIS_NAMES.get,
        required=True,
        key="axis",
        help=f"{EFFECTIVE_K} {L2_MOVED}",
        persist_state="session",
    )
    here = {"effective_percent": count.effective_percent, "moved_percent": count.effective_l2_percent} if count else {}
    current = spec.percent if axis == "percent" else here.get(axis)
    shown = scopes(reference)
    drawn = tuple(stop.spec for stop in known)
    about = About(spec=spec, asking=asking, drawn=drawn, grows=Grows(spec.identity()))
    for column, scope in zip(st.columns(len(shown)), shown, strict=True):
        with column:
            cliff = workspace().changed_percent(comparison, spec)
            answered = [comparison, asking, once.bare_stops(known), scope, once.bare(base), once.bare(tuned)]
            figure = once.figure(
                lambda scope=scope, cliff=cliff: restoration.accuracy_curve(
                    known,
                    scope=scope,
                    base=base,
                    tuned=tuned,
                    axis=axis,
                    current=spec,
                    current_percent=current,
                    changed_percent=cliff,
                ),
                "curve",
                [*answered, axis, spec, current, cliff],
            )
            judge = partial(stop_tests.judged, comparison, asking, known, scope, tuned)
            told = once.once(judge, "judged", answered) if tuned else None
            sliding = once.once(partial(stop_slider.readings, known, scope), "readings", answered)
            words = stops.curve_words(known, scope, base, tuned, told)
            best = stop_sentence.best_sentence(known, scope, told)
            st.caption(plain(best or words), help=plain(f"{words} {stop_sentence.CORRECTION}") if best else None)
            charts.show(
                figure,
                key=f"curve-{scope}",
                alt=words,
                finding=stops.curve_finding(known, scope, tuned, told),
                about=about,
                stops=sliding if axis == "percent" else (),
                on_select=lambda key=f"curve-{scope}": stop_controls.follow_click(key, restoration.STOP_CLICK),
                selection_mode=restoration.STOP_CLICK,
            )


def levels(base: Evaluation | None, tuned: Evaluation | None, restored: Evaluation | None) -> None:
    """Accuracy per mastery level of the asked facts."""
    reference = tuned or base
    if reference is None:
        return
    for column, scope in zip(st.columns(len(scopes(reference))), scopes(reference), strict=True):
        table = stop_levels.level_table(scope, base, tuned, restored)
        if not table.empty:
            with column:
                st.markdown(f"**By mastery level, {SCOPE_NAMES[scope]}** (95% interval)", help=MASTERY)
                words = stop_levels.level_words(table, scope)
                charts.small_table(table, stop_levels.written(table), key=f"levels-{scope}", finding=words)


def stops_table(asking: Asking, known: tuple[Stop, ...], spec: RestoreSpec, tuned: Evaluation | None) -> None:
    """Every stop behind the curve, as a table, once it is opened."""
    if not known or tuned is None:
        return
    opened = st.expander(f"All {len(known)} evaluated stops", key="every-stop", on_change="rerun")
    if opened.open:
        with opened:
            words = stops.table_words(known, scopes(tuned)[0])
            drawn = tuple(stop.spec for stop in known)
            about = About(asking=asking, drawn=drawn, grows=Grows(spec.identity()))
            table = stops.sweep_table(known, scopes(tuned))
            charts.table(table, key="stops", finding=words, about=about, width="stretch")


@st.fragment
def hero(comparison: Comparison, asking: Asking | None) -> None:
    """Slider, preview, result and curves; reruns alone when the slider moves."""
    with notices.shown_errors():
        spec = stop_controls.controls(comparison)
        if not stop_preview.is_read(comparison, spec):
            return
        st.session_state["restored_spec"] = spec
        count = stop_preview.counted(comparison, spec)
        if count is not None:
            stop_preview.preview(count)
        if asking is None:
            st.info("Choose questions above to see what the restored model knows.", icon=":material/quiz:")
        else:
            answered(comparison, asking, spec, count)
        if count is not None:
            stop_preview.where(comparison, count)


def answered(comparison: Comparison, asking: Asking, spec: RestoreSpec, count: RestoreCount | None) -> None:
    """What the restored model knows at this stop, beside every other stop over the same parameters."""
    base, tuned = ensure_references(comparison, asking)
    restored = result(comparison, spec, asking)
    known = stops.beside(workspace().known_stops(comparison, asking), spec)
    if restored is not None:
        stop = next((stop for stop in known if stop.spec == spec), None)
        accuracy_metrics(asking, restored, tuned, stop)
        if stop is not None:
            repair.metrics(stop)
        repair.looked_at(asking, {"base": base, "tuned": tuned, "restored": restored})
    curves(comparison, asking, known, base, tuned, spec, count)
    repair.choice(comparison, asking, spec)
    sweeps.offer_sweep(comparison, asking, key="restore", spec=spec)
    levels(base, tuned, restored)
    stops_table(asking, known, spec, tuned)


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
    address.hold(address.switch("autorun", True))
    switch.toggle("Autorun", key="autorun", persist_state="session", help="Evaluate each stop on release.")
    hero(pair, asked)
