"""Mastery: what did the base know before fine-tuning, fact by fact, and by which statements does it tell?"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from analysis.figures import mastery, numbers
from analysis.figures import mastery_tables as tables
from analysis.knowledge.mastery_table import MasteryTable
from analysis.knowledge.templates import TEMPLATES
from analysis.records import MASTERY_LEVELS
from cache import commands
from cache.keys import digest
from cache.making import About, Models
from cache.mastery import stamp
from cache.memo import workspace
from cache.work import Asking, Comparison
from pages.components import address, charts, fine_tuning, measuring, notices, once, questions, selection
from pages.components.paging import paged
from pages.components.words import MASTERY, PAPER_LINK, plain

FACTS = "mastery_facts"
FACT = "mastery_fact"
ROWS_HEIGHT = 420
LEVEL_WIDTH = 130  # pixels


def chosen_table(pair: Comparison, asking: Asking | None) -> Path | None:
    """Which measurement to look at: those made here of this base, the demo's, the session's; None without any."""
    known = {str(path): path.name for path in workspace().mastery_tables(pair.base)}
    demo = workspace().demo()
    if demo is not None and Path(pair.base) == demo.base:
        known[str(demo.mastery)] = "the demo's, shipped"
    if asking is not None and asking.mastery:
        known.setdefault(asking.mastery, f"the session's, {Path(asking.mastery).name}")
    if not known:
        address.named_in_vain("mastery_table", measuring.NO_TABLE)
        return None
    if measuring.just_done():
        st.session_state["mastery_table"] = next(iter(known))  # the newest
    first = asking.mastery if asking is not None and asking.mastery in known else next(iter(known))
    named = {_short(path): path for path in known}  # an address never holds a path
    address.hold(address.Field("mastery_table", named.get, first, _short))
    picked = st.selectbox("Measurement", list(known), format_func=known.get, key="mastery_table", width=420)
    return Path(picked)


def _short(path: str) -> str:
    return digest(path)[: selection.ID_LENGTH]


def about_of(pair: Comparison, asking: Asking | None, path: Path, table: MasteryTable) -> About:
    """What a pin of this measurement hangs on: the base, its facts, its protocol; not what the session asks now."""
    protocol = {name: value for name, value in table.protocol.items() if value is not None}
    further = {"measurement": path.name, "facts": len(table.frame), "method": table.method, **protocol}
    measured = _asked_of(asking, table) if asking is not None else None
    ours = not tables.has_statements(table) or all(
        TEMPLATES.get(relation) == tuple(texts) for relation, texts in table.templates.items()
    )
    command = commands.mastery(pair.base, measured, table.protocol, table.method) if measured and ours else ""
    base = Models(pair.base)  # whatever was tuned from it
    return About(asking=measured, n=len(table.frame), command=command, further=further, models=base)


def _asked_of(asking: Asking, table: MasteryTable) -> Asking | None:
    """The session's questions where their facts are the table's, or all of their source are; None for others.

    All of a split's, or of every split's, as the demo's shipped table holds.
    """
    alone = replace(asking, mastery=None, prompt="paper", shots=0)
    ids = set(table.frame["id"].astype(str))
    every = replace(alone, limit=None, domain="both")
    for candidate in dict.fromkeys([alone, replace(alone, limit=None), every, replace(every, split="all")]):
        if {question.id for question in workspace().question_set(candidate).questions} == ids:
            return candidate
    return None


def by_relation(table: MasteryTable, facts: pd.DataFrame, read: list[Any], about: Callable[[], About]) -> None:
    """Facts at each level, by relation; R against how often a fact was seen, where that is known."""
    found = once.once(lambda: tables.level_table(table), "mastery levels", read)
    with st.container(horizontal=True, key="levels"):
        for level, (count, bounds) in tables.level_counts(table).items():
            with st.container(width=LEVEL_WIDTH, gap="xsmall"):
                st.metric(f"Level {level}", count, help=MASTERY)
                if bounds:
                    st.caption(bounds)
    seen = "sightings" in facts and facts["sightings"].notna().any()
    left, right = st.columns([3, 2]) if seen else (st.container(), None)
    with left:
        words = tables.level_words(table)
        bars = once.figure(lambda: mastery.level_bars(found), "mastery levels", read)
        charts.show(bars, key="mastery_levels", alt=words, about=about)
    if right is not None:
        with right:
            seen_words = mastery.sighting_words(facts)
            boxes = once.figure(lambda: mastery.sighting_boxes(facts), "sightings", read)
            charts.show(boxes, key="sightings", alt=seen_words, about=about)
            st.caption("How often each fact stood in the base's training, known for the demo's base alone.")
    with st.expander("The same as a table"):
        share = st.column_config.NumberColumn("mean R", format="percent")
        columns = {"R": share, "relation": None}
        charts.table(found, key="mastery_relations", columns=columns, finding=words, about=about, width="stretch")


def by_template(table: MasteryTable, read: list[Any], about: Callable[[], About]) -> None:
    """Which statements elicit the object best, relation by relation."""
    st.subheader("Which statements elicit best" if tables.has_statements(table) else "Which examples elicit best")
    rates = tables.template_table(table)
    relations = list(once.once(lambda: tables.level_table(table), "mastery levels", read)["relation"])
    address.hold(address.one_of("mastery_relation", relations, relations[0]))
    picked = st.selectbox(
        "Relation",
        relations,
        format_func=tables.relation_name,
        key="mastery_relation",
        width=360,
        persist_state="session",
    )
    chosen = rates[rates["relation"] == picked]
    words = tables.template_words(chosen)
    bars = once.figure(lambda: mastery.template_bars(chosen), "mastery templates", read, picked)
    charts.show(bars, key="mastery_templates", alt=words, about=about)
    with st.expander("Every template of every relation"):
        percent = st.column_config.NumberColumn(format="percent")
        columns = {"relation": None, "rate": percent, "low": percent, "high": percent}
        told = tables.rates_words(rates)
        charts.table(rates, key="mastery_rates", columns=columns, finding=told, about=about, width="stretch")


@st.fragment
def browse(table: MasteryTable, facts: pd.DataFrame, about: Callable[[], About]) -> None:
    """Every fact, searched and filtered; the chosen one template by template."""
    st.subheader("The facts")
    names = sorted(facts["relation"].astype(str).unique())
    ids = set(facts["id"].astype(str))
    address.hold(
        address.words("mastery_search"),
        address.some_of("mastery_levels_shown", MASTERY_LEVELS),
        address.some_of("mastery_relations_shown", names),
        address.Field(FACT, lambda text: text if text in ids else None, None, lambda chosen: chosen or ""),
    )
    left, middle, right = st.columns([3, 3, 3], vertical_alignment="bottom")
    text = left.text_input("Search subjects and objects", key="mastery_search", icon=":material/search:")
    levels = middle.pills(
        "Level",
        MASTERY_LEVELS,
        selection_mode="multi",
        key="mastery_levels_shown",
        help=MASTERY,
        persist_state="session",
    )
    relations = right.multiselect("Relations", names, format_func=tables.relation_name, key="mastery_relations_shown")
    found = tables.pick_facts(facts, text=text, levels=levels, relations=relations)
    columns = {
        "id": None,
        "relation": None,
        "name": st.column_config.TextColumn("relation"),
        "level": st.column_config.NumberColumn("level", width=60),
        "R": st.column_config.ProgressColumn("R", format="percent", min_value=0, max_value=1, width=110),
        "sure": st.column_config.NumberColumn("sure of the level", format="percent", width=90),
        "sightings": st.column_config.NumberColumn("seen", width=60),
    }
    chosen = st.session_state.get(FACT)
    words = tables.listing_words(table, found, text, levels, relations)
    held = {"chosen": chosen, "on_choose": choose, "columns": columns, "height": ROWS_HEIGHT}
    paged(found, key=FACTS, **held, what="Facts", alt=words)
    charts.foot(found, key="facts", columns=columns, finding=words, about=about)
    row = tables.fact_row(table, chosen) if chosen else None
    if row is None:
        st.caption("Choose a row to see the fact statement by statement.")
    else:
        fact(table, row, str(facts.loc[facts["id"] == chosen, "subject"].iloc[0]), about)


def choose(fact_id: str | None) -> None:
    """Look at this fact; a callback."""
    st.session_state[FACT] = fact_id


def fact(table: MasteryTable, row: dict[str, Any], name: str, about: Callable[[], About]) -> None:
    """One fact: its successes under each statement, and the way to Tokens with the best one."""
    with st.container(border=True, key="fact"):
        st.markdown(f"**{plain(name)}** → {plain(row['object'])}")
        words = f"{tables.relation_name(row['relation'])} · level {row['level']} · R = {numbers.share(row['R'])}"
        st.caption(plain(words))
        told, made = f"{name} → {row['object']}: {words}.", {"fact": str(row["id"])}
        columns = {
            "statement": st.column_config.TextColumn("statement", width="large"),
            "right": st.column_config.NumberColumn("right", width=60),
            "samples": st.column_config.NumberColumn("of", width=50),
            "share": st.column_config.ProgressColumn("share right", format="percent", min_value=0, max_value=1),
        }
        shown = tables.fact_templates(table, row)
        charts.table(shown, key="fact_templates", columns=columns, finding=told, about=about, made=made, height=300)
        best = tables.best_statement(table, row)
        if st.button(
            "Open in Tokens", icon=":material/text_fields:", help="With the relation's best statement, if any."
        ):
            if best is not None:
                selection.type_text(best, f" {row['object']}")
            else:
                selection.choose_question(str(row["id"]))
                st.session_state["token_source"] = "questions"
            st.switch_page("tokens.py")


def send(pair: Comparison, asking: Asking | None, path: Path) -> None:
    """Use the levels: in the evaluation of this session, or for fine-tuning on one of them."""
    st.subheader("Use the levels")
    address.hold(address.one_of("mastery_training_level", MASTERY_LEVELS, 0))
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**One level:** fine-tune the base on its facts, or see how they are answered.")
        level = st.segmented_control("Level", MASTERY_LEVELS, required=True, key="mastery_training_level", help=MASTERY)
        source = asking.questions if asking is not None else "QUESTIONS"
        st.code(tables.training_command(pair.base, source, path, level or 0), language=None, wrap_lines=True)
        if asking is not None and st.button(
            f"Fine-tune on level {level or 0}",
            icon=":material/model_training:",
            on_click=fine_tuning.send,
            args=(pair.base, asking.questions, str(path), level or 0),
        ):
            st.switch_page("experiments.py")
        if asking is not None and st.button(f"Samples at level {level or 0}", icon=":material/fact_check:"):
            st.session_state["samples_levels"] = [level or 0]
            use(asking, path)
            st.switch_page("samples.py")
    with right:
        st.markdown(
            "**All of them, in the evaluation:** Restore, Samples and Overview then count accuracy by these levels."
        )
        if asking is None:
            st.caption("Choose questions above first.")
        elif asking.mastery == str(path):
            st.success("In use: the session's questions carry these levels.", icon=":material/check:")
        else:
            st.button("Use these levels", type="primary", on_click=use, args=(asking, path))
        if asking is not None and asking.mastery == str(path):
            for note in workspace().question_set(asking).notes:
                if note.code == "no-mastery":
                    st.caption(plain(note.message))
            with st.container(horizontal=True):
                st.page_link("restore.py", label="Restore", icon=":material/tune:")
                st.page_link("samples.py", label="Samples", icon=":material/fact_check:")


def use(asking: Asking, path: Path) -> None:
    """Give the session's questions these levels."""
    with notices.shown_errors():
        chosen = replace(asking, mastery=str(path))
        workspace().question_set(chosen)
        selection.ask(chosen)


st.title("Mastery")
st.markdown(
    "What the **base** states by itself, before any fine-tuning: each fact is put into statements to complete, again "
    f"and again; R is the share of completions that hold the answer ({PAPER_LINK}, section 3)."
)
pair = notices.needs_pair()
with notices.shown_errors():
    asked = questions.bar()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        picked = chosen_table(pair, asked)
        if picked is not None:
            measuring.button(pair, asked)
    measuring.panel(pair, asked, first=picked is None)
    if picked is not None:
        found = workspace().mastery_table(picked)
        asked_of = workspace().question_set(asked).questions if asked is not None else ()
        every = tables.facts_table(found, workspace().sightings(pair.base), asked_of)
        st.caption(plain(tables.protocol_words(found)))
        if found.preview:
            st.info(plain(tables.preview_words(found)), icon=":material/hourglass_top:")
        about = partial(
            about_of, pair, asked, picked, found
        )  # said when something is pinned: questions are read for it
        read = [str(part) for part in stamp(picked)]
        by_relation(found, every, [*read, pair.base], about)
        by_template(found, read, about)
        browse(found, every, about)
        send(pair, asked, picked)
