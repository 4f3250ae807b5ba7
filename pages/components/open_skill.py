"""Does restoration cost a new skill? Three trainings from one base, restored and asked for both, on a page."""

import streamlit as st

from analysis.experiments.skill import SKILLS, SkillSettings
from analysis.figures import numbers
from analysis.figures import open_skill as figures
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
    report = workspace().known_skill(pair.base, asking, settings)
    if report is None:
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
    _answer(report, pair, _command(pair.base, asking, settings))


def _settings(base: str) -> SkillSettings:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        address.hold(address.one_of("skill", SKILLS, "counting"))
        skill = st.segmented_control("Skill", SKILLS, required=True, key="skill", help=SKILL_HELP)
        size = st.selectbox("Examples, and facts", SIZES, index=1, key="skill_size", width=170)
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


def _answer(report: SkillReport, pair: Comparison, command: str) -> None:
    words = figures.skill_words(report.table, figures.middle_percent(report.table))
    st.info(words, icon=":material/insights:")
    settings = report.settings
    made = {"skill": settings.skill, "examples": settings.examples, "facts": settings.facts, "seed": settings.seed}
    address.hold(address.one_of("skill_training", figures.TRAINED, "both"))
    training = st.segmented_control(
        "The model", list(figures.TRAINED), required=True, format_func=figures.TRAINED.get, key="skill_training"
    )
    charts.show(
        figures.skill_curves(report.table, report.chance, training or "both"),
        key=f"skill-curves-{training}",
        alt=words,
        made=made,
        command=command,
    )
    with st.expander("The same in numbers"):
        shares = dict.fromkeys(("value", "low", "high"), PERCENT)
        charts.table(figures.curve_table(report.table), key="skill_rows", columns=shares)
    with st.container(horizontal=True):
        for name, folder in report.tuned.items():
            st.button(
                f"Look at the pair {figures.TRAINED[name]}",
                key=f"skill-pair-{name}",
                icon=":material/compare_arrows:",
                on_click=selection.choose,
                args=(Comparison(pair.base, folder),),
            )
    open_asking.foot(
        command,
        "One training a curve: the bands are the doubt of its questions, not of another seed. The random control "
        "restores as many parameters, changed or not; what it really changes is in the table.",
        "A small skill of one small model. Whether a large model's new skills lie as exposed, only its own test tells: "
        "`palimpsest question task` asks GSM8K, XSum and others that lm-eval describes.",
    )


def _command(base: str, asking: Asking, settings: SkillSettings) -> str:
    told = ("--skill", settings.skill, "--examples", settings.examples, "--facts", settings.facts)
    percents = ("--percents", ",".join(f"{percent:g}" for percent in settings.percents))
    return open_asking.command("skill", base, *open_asking.questions(asking), *told, *percents)
