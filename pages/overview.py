"""Overview: the finding of this pair in a few sentences and five figures, each leading on to its page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial

import streamlit as st

from analysis.figures import (
    accuracy,
    concentration,
    finding,
    restoration,
    states_sentence,
    stop_sentence,
    stop_slider,
    stops,
    strategies,
    token_tables,
    tokens,
    updates,
    verdicts,
)
from analysis.figures.headlines import scopes
from analysis.figures.token_columns import TokenColumns
from analysis.records import SEEDED, Evaluation, Question, RestoreSpec, Stop, Strategy
from analysis.report import drawn
from analysis.report.records import Grows
from cache.making import About, Compared
from cache.memo import workspace
from cache.work import Asking, Comparison
from pages.components import answers, charts, notices, once, pinning, questions, stop_tests, sweeps
from pages.components.words import PAPER_LINK, plain

SHOWN = ("relative-top", "random")  # the paper's order and its control; Restore shows them all
TOKEN_TEXTS = 8  # as many as Tokens opens with, so that both pages share one result
PAPER_STOPS = RestoreSpec(0).identity()  # over the paper's region, ranked as the paper does
SHARES = {name: st.column_config.NumberColumn(format="percent") for name in ("accuracy", "low", "high")}
GROWS = Grows(PAPER_STOPS, SHOWN, "all")
WEIGHTS = About(further={"region": "transformer", "arithmetic": "exact"})  # no question bears on where it was written


@contextmanager
def card(title: str, page: str, link: str) -> Iterator[None]:
    """A bordered panel with a figure and the link to the page that shows it in full."""
    with st.container(border=True, height="stretch"):
        yield
        st.page_link(page, label=f"{title}: {link}", icon=":material/arrow_forward:")


def evaluated(
    pair: Comparison, asking: Asking, known: tuple[Stop, ...], strategy: Strategy
) -> dict[float, list[Evaluation]]:
    """Every evaluated stop of one order over the paper's region, by percent, with its answers: one a seed."""
    found: dict[float, list[Evaluation]] = {}
    for stop in known:
        drawn = replace(stop.spec, seed=0) if strategy in SEEDED else stop.spec
        if drawn == RestoreSpec(stop.spec.percent, strategy=strategy):
            evaluation = workspace().known_evaluation(pair, stop.spec, asking)
            found.setdefault(stop.spec.percent, []).extend([evaluation] if evaluation is not None else [])
    return found


def story(told: finding.Story, states: dict[str, Evaluation], about: About) -> None:
    """The finding in words; pinned, the numbers that it tells of are kept with it."""
    with st.container(border=True, key="finding"):
        st.markdown(f"##### {plain(told.short)}")
        tests = plain(f"{told.tuning} {told.restoring} Random: as many parameters, drawn at random.")
        small_print = f"{plain(told.caveat)} Base: as it answers this prompt. {strategies.ARITHMETIC_WORDS['exact']}"
        st.caption(small_print, help=tests)
        table, words = accuracy.accuracy_table(states), f"{told.tuning} {told.restoring} {told.caveat}"
        pinning.button(
            lambda: drawn.of_table(table, pinning.columns_of(list(table.columns), SHARES), words),
            key="story",
            finding=f"{told.short} {told.caveat}",
            about=about,
        )


def what_it_knows(
    pair: Comparison,
    asking: Asking,
    base: Evaluation,
    tuned: Evaluation,
    restored: dict[float, Evaluation],
    known: tuple[Stop, ...],
    every: tuple[Question, ...],
    told: finding.Story,
) -> None:
    """The finding, accuracy of each state, and the curve over k."""
    best = finding.best_percent(restored)
    at = RestoreSpec(best) if best is not None else None
    states = {"base": base, "tuned": tuned} | ({"restored": restored[best]} if best is not None else {})
    grows = Grows(PAPER_STOPS, SHOWN[:1], "all")  # another stop may be the best one
    ranked = tuple(stop for stop in known if stop.spec.strategy in SHOWN and stop.spec.among == "all")
    shown = stops.beside(ranked, RestoreSpec(0))
    every_stop = About(spec=at, asking=asking, drawn=tuple(stop.spec for stop in shown), grows=GROWS)
    story(told, states, every_stop)
    if not restored:
        sweeps.offer_sweep(pair, asking, key="overview")
    left, right = st.columns(2)
    with left, card("Samples", "samples.py", "every question, base, tuned and restored side by side"):
        answered = [pair, asking, at, {state: once.bare(each) for state, each in states.items()}]
        steps = once.once(lambda: verdicts.of_steps(states, every), "states", answered)
        words = verdicts.states_words(states, steps, chosen="The restored k was chosen on half of these questions.")
        short = states_sentence.states_sentence(steps, chosen="Half chose k.")
        st.caption(plain(short or words), help=plain(words) if short else None)
        about = About(spec=at, asking=asking, grows=grows)
        bars = once.figure(lambda: accuracy.accuracy_bars(states), "bars", answered)
        charts.show(bars, key="bars", alt=words, finding=words, about=about)
    with right, card("Restore", "restore.py", "move the slider yourself"):
        scope = scopes(tuned)[0]
        cliff = workspace().changed_percent(pair, RestoreSpec(0))
        depends = [*answered, once.bare_stops(shown), scope, best, cliff]
        curve = once.figure(
            lambda: restoration.accuracy_curve(
                shown, scope=scope, base=base, tuned=tuned, current_percent=best, changed_percent=cliff
            ),
            "curve",
            depends,
        )
        told_here = once.once(lambda: stop_tests.judged(pair, asking, shown, scope, tuned), "judged", depends)
        words = stops.curve_words(shown, scope, base, tuned, told_here)
        best_told = stop_sentence.best_sentence(shown, scope, told_here)
        st.caption(plain(best_told or words), help=plain(f"{words} {stop_sentence.CORRECTION}") if best_told else None)
        sliding = once.once(partial(stop_slider.readings, shown, scope), "readings", depends)
        sentence = f"{told.restoring} {told.caveat}"
        charts.show(curve, key="curve", alt=words, finding=sentence, stops=sliding, about=every_stop)


def what_changed(pair: Comparison) -> None:
    """Where fine-tuning wrote, and how unevenly."""
    profile = workspace().known_profile(pair)
    rows, curve = profile.tensor_rows("transformer", ()), profile.concentration("transformer")
    read = [profile.base_id, profile.tuned_id, profile.arithmetic, profile.seconds]
    left, right = st.columns(2)
    with left, card("Updates", "updates.py", "every layer, module and tensor"):
        words = updates.grid_words(rows, "mean_relative")
        grid = once.figure(lambda: updates.layer_module_grid(rows, "mean_relative"), "grid", read)
        charts.show(grid, key="grid", alt=words, about=WEIGHTS)
    with right, card("Updates", "updates.py", "the curve against its null, in numbers"):
        changed = 100 * profile.changed_fraction("transformer")
        figure = once.figure(
            lambda: concentration.concentration_curve(curve, changed_percent=changed), "concentration", read
        )
        charts.show(figure, key="concentration", alt=concentration.concentration_words(curve), about=WEIGHTS)


def where_they_differ(pair: Comparison, asking: Asking) -> None:
    """Token-level disagreement on a few questions, when it has been measured."""
    found = workspace().question_set(asking)
    chosen = workspace().sample_questions(found.questions, TOKEN_TEXTS, asking.seed)
    texts = workspace().question_texts(pair, asking.prompt, chosen, found.shots)
    report = workspace().known_divergence(pair, texts)
    with card("Tokens", "tokens.py", "text coloured by disagreement, both models' alternatives under the pointer"):
        if report is None:
            st.markdown("**Where along the text do the models disagree?**")
            st.caption(f"Not measured yet on these questions: Tokens measures {TOKEN_TEXTS} of them in seconds.")
            return
        profile = workspace().known_profile(pair)
        read = [profile.base_id, profile.tuned_id, found.id, asdict(asking), report.seconds]
        words = once.once(
            lambda: token_tables.report_words(TokenColumns.of(report), "kl_full_nats"), "token words", read
        )
        by_position = once.figure(
            lambda: tokens.by_position(TokenColumns.of(report), "kl_full_nats"), "by position", read
        )
        compared = Compared(texts, "of the questions, each with its gold answer")
        about = About(asking=asking, n=len(texts), compared=compared, further={"measure": "kl_full_nats"})
        charts.show(by_position, key="tokens", alt=words, about=about)


st.title("Overview")
pair = notices.needs_pair()
with notices.shown_errors():
    if workspace().known_profile(pair) is None:
        notices.needs_profile(pair)
    asked = questions.bar()
    if asked is None:
        what_changed(pair)
        notices.empty(
            "What does it know?",
            "Choose questions to see what base, tuned and restored answer.",
            page="compare.py",
            label="Choose questions",
        )
        st.stop()
    answered = answers.needs_answers(pair, asked, before=lambda: what_changed(pair))
    stops_known = workspace().known_stops(pair, asked)
    ranked = evaluated(pair, asked, stops_known, "relative-top")
    restored_by_percent = {percent: draws[0] for percent, draws in ranked.items() if draws}
    control = evaluated(pair, asked, stops_known, "random")
    every = workspace().question_set(asked).questions
    told = once.once(
        lambda: finding.tell(answered["base"], answered["tuned"], restored_by_percent, control, every),
        "story",
        [pair, asked, once.bare(answered["base"]), once.bare(answered["tuned"]), once.bare_stops(stops_known)],
    )
    what_it_knows(pair, asked, answered["base"], answered["tuned"], restored_by_percent, stops_known, every, told)
    what_changed(pair)
    where_they_differ(pair, asked)
    st.caption(f"Method and terms: {PAPER_LINK}.")
