"""The tab with the paper's measurement: one action for this pair, and every tuned model of the same base beside it."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from analysis.figures import numbers, paper_divergence
from analysis.records import RestoreSpec
from cache import commands
from cache.about import About, Models
from cache.keys import digest
from cache.memo import workspace
from cache.work import Asking, Comparison, State
from pages.components import charts, notices, progress, questions, token_reports
from pages.components.token_work import queue
from pages.components.words import PAPER_LINK, plain

if TYPE_CHECKING:
    from analysis.language.paper_records import PaperDivergence

WHAT = (
    "Over test facts of mastery level 4, at the **first answer token**: the tuned model is asked the question; the "
    "base, which never saw the question format, is given the statement that elicits that relation best. KL over the "
    "tuned model's ten largest logits, each side renormalised; only completions in which the base's answer comes near "
    f"the beginning count ({PAPER_LINK}, section 4)."
)
NUMBER = ("mean_kl_nats", "low", "high", "mean_kl_full_nats", "n", "asked")  # of the measurement, on one row
NATS = st.column_config.NumberColumn(format="%.3g")
PERCENT = st.column_config.NumberColumn(format="percent")


def tab(pair: Comparison) -> None:
    """What is measured, the action, the result, the other models."""
    st.markdown(WHAT)
    asking = questions.bar()
    state, _ = token_reports.chosen_states(pair, sides=False)
    if asking is None:
        st.info("Choose questions with a mastery table: the facts of level 4 are measured.", icon=":material/quiz:")
        return
    if not asking.mastery:
        notices.empty(
            "No mastery table is chosen",
            "The measurement is over facts the base knows well (level 4). Measure mastery first, or name a table under "
            "Questions.",
            page="mastery.py",
            label="Measure mastery",
        )
        return
    found = workspace().known_paper_divergence(pair, asking, state=state)
    if found is None:
        _action(pair, asking, state)
    else:
        spec = state if isinstance(state, RestoreSpec) else None
        command = commands.paper(pair, asking, state)
        further = {"facts counted": found.n, "near": found.near, "top": found.top}
        result(found, About(spec=spec, asking=asking, n=found.asked, command=command, further=further))
    st.subheader("Every tuned model of this base")
    others(pair, asking)


def _action(pair: Comparison, asking: Asking, state: State) -> None:
    wanted = digest([pair, asking, state])
    if not progress.watch(st.session_state.get("paper_job"), key="paper"):
        st.button(
            "Measure it on this pair",
            type="primary",
            icon=":material/straighten:",
            key="paper_measure",
            on_click=queue,
            args=("paper", wanted, f"The paper's measurement, {pair.name}", "paper_divergence", pair, asking),
            kwargs={"state": state},
        )


def result(found: "PaperDivergence", about: About) -> None:
    """The number with its n, what was dropped and why, by relation, fact by fact."""
    words = paper_divergence.paper_words(found)
    one, two, three = st.columns(3)
    label = f"KL({found.state} ‖ base), nats"
    one.metric(label, numbers.significant(found.mean_kl_nats), border=True)
    two.metric("95% interval", _interval(found), border=True)
    three.metric("Facts counted, of level 4", f"{found.n:,} of {found.asked:,}", border=True)
    st.markdown(words)
    number = pd.DataFrame([{name: getattr(found, name) for name in NUMBER}])
    charts.foot(number, key="paper_number", columns=dict.fromkeys(NUMBER[:4], NATS), finding=words, about=about)
    left, right = st.columns([3, 2])
    with left:
        charts.show(paper_divergence.by_relation(found), key="paper_relation", alt=words, finding=words, about=about)
    with right:
        st.markdown(f"**What became of every fact** (near: the answer begins within {found.near} tokens)")
        dropped = paper_divergence.dropped_table(found)
        told = f"Of {found.asked:,} facts of level 4, {found.n:,} are counted. {words}"
        charts.table(dropped, key="paper_dropped", finding=told, about=about, width="stretch")
    with st.expander("By relation, with the statement the base was given"):
        rate, mean = PERCENT | {"label": "success of the statement"}, NATS | {"label": "mean KL (nats)"}
        columns = {"rate": rate, "mean_kl_nats": mean}
        table = paper_divergence.relation_table(found)
        charts.table(table, key="paper_relations", columns=columns, finding=words, about=about, width="stretch")
    with st.expander(f"Every counted fact ({found.n:,})"):
        columns = dict.fromkeys(("kl_nats", "kl_full_nats"), NATS)
        columns |= dict.fromkeys(("base_probability", "tuned_probability"), PERCENT)
        table = paper_divergence.fact_table(found)
        charts.table(table, key="paper_facts", columns=columns, finding=words, about=about, width="stretch")


def _interval(found: "PaperDivergence") -> str:
    if found.low is None or found.high is None:
        return numbers.MISSING
    return f"{numbers.significant(found.low)} – {numbers.significant(found.high)}"


def others(pair: Comparison, asking: Asking) -> None:
    """KL against accuracy over the tuned models of the same base this store knows, and a button for the rest."""
    siblings = _siblings(pair)
    known, measured, missing = [], [], []
    for other in siblings:
        found = workspace().known_paper_divergence(other, asking)
        evaluation = workspace().known_evaluation(other, "tuned", asking)
        if found is not None:
            known.append(paper_divergence.TunedModel(Path(other.tuned).name, found, evaluation))
            measured.append(other)
        if found is None or evaluation is None:
            missing.append(other)
    if missing:
        _measure_all(missing, asking, len(siblings))
    if not known:
        st.caption("None is measured yet.")
        return
    table, words = paper_divergence.model_table(known), paper_divergence.correlation_words(known)
    command = commands.together(commands.paper(other, asking, "tuned") for other in measured)
    names = {"models": [Path(other.tuned).name for other in measured]}
    about = About(models=Models(pair.base), asking=asking, command=command, so_far=names)
    if table["accuracy"].notna().any():
        figure = paper_divergence.model_scatter(known)
        charts.show(figure, key="paper_models", alt=words, finding=words, about=about)
    else:
        st.caption("Right answers join the figure once these models have answered the questions.")
    nats = {"kl_nats": "KL (nats)", "low": "from", "high": "to"}
    shares = {"accuracy": "right answers", "accuracy_low": "from", "accuracy_high": "to"}
    columns = {name: NATS | {"label": label} for name, label in nats.items()}
    columns |= {name: PERCENT | {"label": label} for name, label in shares.items()} | {"n": "facts (n)"}
    charts.table(table, key="paper_model_table", columns=columns, finding=words, about=about, width="stretch")


def _siblings(pair: Comparison) -> list[Comparison]:
    """This pair, and every other tuned model of its base that was loaded here or belongs to the demo."""
    demo = workspace().demo()
    shipped = [Comparison(str(one.base), str(one.tuned)) for one in demo.pairs] if demo else []
    known = dict.fromkeys([pair, *workspace().recent(), *shipped])
    return [other for other in known if other.base == pair.base and Path(other.tuned).exists()]


def _measure_all(missing: list[Comparison], asking: Asking, total: int) -> None:
    names = ", ".join(Path(other.tuned).name for other in missing)
    jobs = [st.session_state.get(f"{kind}-{digest(other)}_job") for other in missing for kind in ("paper", "answers")]
    running = [progress.watch(job, key=f"paper-{number}") for number, job in enumerate(jobs)]
    if any(running):
        return
    st.caption(plain(f"KL or right answers are not measured yet for {len(missing)} of {total}: {names}."))
    st.button("Measure them all", on_click=_queue_all, args=(missing, asking), icon=":material/playlist_play:")


def _queue_all(missing: list[Comparison], asking: Asking) -> None:
    """Queue the measurement of each, and its answers to the questions, where they are not known; a callback."""
    for other in missing:
        name = digest(other)
        if workspace().known_paper_divergence(other, asking) is None:
            title = f"The paper's measurement, {other.name}"
            queue(f"paper-{name}", name, title, "paper_divergence", other, asking)
        if workspace().known_evaluation(other, "tuned", asking) is None:
            queue(f"answers-{name}", name, f"Ask tuned, {other.name}", "evaluation", other, "tuned", asking)
