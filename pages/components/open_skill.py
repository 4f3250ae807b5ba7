"""Does restoration cost a new skill? Three trainings from one base, restored and asked for both, on a page."""

from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from analysis.experiments.skill import SKILLS, SkillSettings
from analysis.figures import numbers
from analysis.figures import open_skill as figures
from cache.about import About, Models
from cache.memo import workspace
from cache.open_skill import SkillReport
from cache.work import Asking, Comparison
from pages.components import address, charts, open_asking, selection

PERCENTS = (5.0, 10.0, 20.0, 40.0, 60.0)
SIZES = (240, 960)
PERCENT = st.column_config.NumberColumn(format="percent")


def show() -> None:
    """The controls, then the stored answer or the way to it."""
    st.markdown(
        "**Does restoration, which wins facts back, cost something fine-tuning really taught?** A rule over made-up "
        "words that the base never read about is trained alone, beside facts it knew, and not at all; tests use names "
        "that no example held."
    )
    pair = open_asking.pair()
    asking = open_asking.facts(pair) if pair is not None else None
    if pair is None or asking is None:
        return
    settings = _settings(pair.base)
    reports = workspace().known_skills(pair.base, asking, settings)
    if not reports:
        stops = len(settings.stops())
        open_asking.offer(
            "skill",
            "Train and restore",
            f"Three fine-tunings of {open_asking.base_name(pair.base)} at learning rate {settings.learning_rate:g} "
            f"and {numbers.count(3 * (stops + 1))} states, each asked {numbers.count(settings.test)} questions of the "
            f"skill and {numbers.count(settings.fact_limit)} facts: two to three minutes for the demo's base. What is "
            "cut short goes on where it was.",
            "skill",
            pair.base,
            asking,
            settings,
        )
        return
    _answer(reports, pair, asking)
    _another_seed(reports, pair, asking)


def _another_seed(reports: tuple[SkillReport, ...], pair: Comparison, asking: Asking) -> None:
    """One seed says nothing of the next: train with another, in the background."""
    if open_asking.running("skill"):
        return
    settings = reports[-1].settings
    seed = max(report.settings.seed for report in reports) + 1
    st.button(
        f"Train with another seed ({seed})",
        key="skill-another",
        icon=":material/science:",
        on_click=open_asking.start,
        args=("skill", f"Train and restore, seed {seed}", "skill", pair.base, asking, replace(settings, seed=seed)),
        help="Draws examples, facts and questions anew, and trains three models more.",
    )


def _settings(base: str) -> SkillSettings:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        address.hold(address.one_of("skill", SKILLS, "counting"))
        skill = st.segmented_control("Skill", SKILLS, required=True, key="skill", help=SKILL_HELP)
        address.hold(address.one_of("skill_size", SIZES, SIZES[1]))
        size = st.selectbox("Examples, and facts", SIZES, key="skill_size", width=170)
    return SkillSettings(
        skill=skill or "counting",
        examples=int(size),
        facts=int(size),
        learning_rate=workspace().usual_learning_rate(base),
        percents=PERCENTS,
    )


SKILL_HELP = (
    "Counting: how many names stand in a list of one to eight, answered in a word. Letters: with which letter a name "
    "begins. Right is an exact answer."
)


def _answer(reports: tuple[SkillReport, ...], pair: Comparison, asking: Asking) -> None:
    rows = figures.skill_rows({report.settings.seed: report.table for report in reports})
    words = figures.skill_words(rows, figures.middle_percent(rows))
    st.info(words, icon=":material/insights:")
    command = " && ".join(_command(pair.base, asking, report.settings) for report in reports)
    shared: dict[str, Any] = {"about": partial(_about, reports, pair.base, asking, command)}
    address.hold(address.one_of("skill_training", figures.TRAINED, "both"))
    training = st.segmented_control(
        "The model", list(figures.TRAINED), required=True, format_func=figures.TRAINED.get, key="skill_training"
    )
    chance = sum(report.chance for report in reports) / len(reports)
    key = f"skill-curves-{training}"
    charts.show(figures.skill_curves(rows, chance, training or "both"), key=key, alt=words, **shared)
    with st.expander("The same in numbers"):
        shares = dict.fromkeys(("value", "low", "high"), PERCENT)
        charts.table(figures.curve_table(rows), key="skill_rows", columns=shares, **shared)
        if len(reports) > 1:
            charts.table(figures.seed_table(rows), key="skill_seeds", columns=shares, **shared)
    with st.container(horizontal=True):
        for report in reports:
            for name, folder in report.tuned.items():
                seed = report.settings.seed
                st.button(
                    f"Look at the pair {figures.TRAINED[name]}" + (f", seed {seed}" if len(reports) > 1 else ""),
                    key=f"skill-pair-{name}-{seed}",
                    icon=":material/compare_arrows:",
                    on_click=selection.choose,
                    args=(Comparison(pair.base, folder),),
                )
    open_asking.foot(
        command,
        "The bands are the doubt of each training's questions; how far one seed lies from the next only several tell: "
        f"here {len(reports)}. The random control restores as many parameters, changed or not; what it really changes "
        "is in the table.",
        "A small skill of one small model. Whether a large model's new skills lie as exposed, only its own test tells: "
        "Other tasks asks GSM8K, XSum and whatever else lm-eval describes.",
    )


def _about(reports: tuple[SkillReport, ...], base: str, asking: Asking, command: str) -> About:
    """What it hangs on: the base alone, whatever was tuned from it before; the seeds so far are no part of what it is.

    The hash of the facts is taken when it is asked for.
    """
    settings = reports[0].settings
    further = {
        "skill": settings.skill,
        "examples": settings.examples,
        "facts": f"{settings.facts} of level {settings.level}",
        "facts from": open_asking.facts_words(asking),
        "learning rate": settings.learning_rate,
        "prompt": "paper",
        "n": f"{settings.test} of the skill, {settings.fact_limit} facts at most",
        "restored": f"relative-top and random at k = {', '.join(f'{each:g}%' for each in settings.percents)}",
        "arithmetic": "exact",
        "draws of random": len(settings.random_seeds),
    }
    seeds = ", ".join(str(report.settings.seed) for report in reports)
    so_far = {"seeds": seeds, "tuned models": sum(len(report.tuned) for report in reports)}
    return About(models=Models(base), command=command, further=further, so_far=so_far)


def _command(base: str, asking: Asking, settings: SkillSettings) -> str:
    told = ("--skill", settings.skill, "--examples", settings.examples, "--facts", settings.facts)
    told += ("--seed", settings.seed) if settings.seed else ()
    percents = ("--percents", ",".join(f"{percent:g}" for percent in settings.percents))
    return open_asking.command("skill", base, *open_asking.questions(asking), *told, *percents)
