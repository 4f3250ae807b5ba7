"""Is less KL still better where the base is wrong? Planted facts in the demo world, on a page."""

from functools import partial
from typing import Any

import streamlit as st

from analysis.demo.world import SHIPPED, DemoFiles
from analysis.experiments.planted import PlantedSettings, rank_correlations
from analysis.figures import numbers
from analysis.figures import open_planted as figures
from cache.about import About, Models
from cache.memo import workspace
from cache.open_planted import PlantedReport
from cache.work import Asking
from pages.components import charts, open_asking

SETTINGS = PlantedSettings(seeds=(0, 1))
PERCENT = st.column_config.NumberColumn(format="percent")
RANKS = {
    "rho": st.column_config.NumberColumn("rank correlation", format="%+.2f"),
    "low": st.column_config.NumberColumn("95% from", format="%+.2f"),
    "high": st.column_config.NumberColumn("95% to", format="%+.2f"),
    "n": st.column_config.NumberColumn("facts a state"),
}
NOT_PLANTED = f"{numbers.MISSING}: nothing was planted in untouched facts, so there is no planted object to say."
SHARES = {
    "right": PERCENT,
    "right_low": st.column_config.NumberColumn("95% from", format="percent"),
    "right_high": st.column_config.NumberColumn("95% to", format="percent"),
    "wrong": st.column_config.NumberColumn("says the planted object", format="percent"),
    "wrong_low": st.column_config.NumberColumn("from (95%)", format="percent"),
    "wrong_high": st.column_config.NumberColumn("to (95%)", format="percent"),
    "kl_nats": st.column_config.NumberColumn("KL, nats", format="%.3f"),
    "kl_low": st.column_config.NumberColumn("KL, from", format="%.3f"),
    "kl_high": st.column_config.NumberColumn("KL, to", format="%.3f"),
}


def show() -> None:
    """The stored answer or the way to it; of the demo world alone, since planting reads the facts' own texts."""
    st.markdown(
        "**The paper finds that answers are better the nearer the tuned model stays to its base. Is that so where the "
        "base is wrong?** Half of the facts the demo's base knows are retold wrongly to it, until it believes them; "
        "then it is fine-tuned on right facts, with and without corrections among them."
    )
    report = workspace().known_planted(SETTINGS)
    if report is None:
        runs = len(SETTINGS.trainings())
        open_asking.offer(
            "planted",
            "Plant and fine-tune",
            f"Further training of the demo's base on {numbers.count(SETTINGS.plant.known)} known training facts and "
            f"all known test facts, then {runs} fine-tunings, each tuned and at {len(SETTINGS.percents)} stops: two to "
            "four minutes. What is cut short goes on where it was.",
            "planted",
            SETTINGS,
        )
        return
    _answer(report)


def _answer(report: PlantedReport) -> None:
    settings = report.settings
    words = figures.planted_words(report.states)
    st.info(words, icon=":material/insights:")
    command = _command(settings)
    shared: dict[str, Any] = {"about": partial(_about, report, command)}
    charts.show(figures.kl_scatter(report.states), key="planted-kl", alt=words, **shared)
    st.markdown("**How well planting took:** what each base says when it completes a statement of the fact, greedily.")
    charts.table(
        figures.planting_table(report.planting),
        key="planting",
        columns=SHARES,
        placeholder=numbers.MISSING,
        **shared,
    )
    st.caption(NOT_PLANTED)
    with st.expander("Every state in numbers"):
        charts.table(report.states, key="planted_states", columns=SHARES, placeholder=numbers.MISSING, **shared)
        ranks = rank_correlations(report.states)
        charts.table(ranks, key="planted_ranks", columns=RANKS, placeholder=numbers.MISSING, **shared)
    open_asking.foot(
        command,
        "KL is taken over every fact of a group, right or wrong; the paper leaves out facts the base does not complete "
        "rightly, which here would be all planted ones.",
        "Restorations of one model lie beside each other, so the intervals of the rank correlations draw whole models "
        "anew, not single points: one that leaves out 0 tells a direction over models trained like these, one that "
        "holds 0 tells none.",
        "Planted facts were told a few times in a small model's last training; a large base's errors may sit deeper.",
    )


def _about(report: PlantedReport, command: str) -> About:
    """What it hangs on: the planted base alone, not the pair the session looks at."""
    settings, files = report.settings, DemoFiles(SHIPPED)
    asked = report.states.groupby("group", sort=False)["n"].max()
    further = {
        "planted": f"{settings.plant.share:g} of {numbers.count(settings.plant.known)} known facts, seed "
        f"{settings.plant.seed}",
        "facts": open_asking.facts_words(Asking(str(files.questions), mastery=str(files.mastery))),
        "trainings": len(settings.trainings()),
        "sizes": settings.sizes,
        "seeds": ", ".join(map(str, settings.seeds)),
        "learning rate": settings.learning_rate,
        "prompt": "paper",
        "n": "; ".join(f"{group}: {numbers.count(n)}" for group, n in asked.items()),
        "restored": f"relative-top at k = {', '.join(f'{percent:g}%' for percent in settings.percents)}",
        "arithmetic": "exact",
    }
    return About(models=Models(report.base), command=command, further=further)


def _command(settings: PlantedSettings) -> str:
    seeds = ",".join(map(str, settings.seeds))
    sizes = ",".join(map(str, settings.sizes))
    told = ("--share", settings.plant.share, "--known", settings.plant.known, "--sizes", sizes, "--seeds", seeds)
    return open_asking.command("planted", *told)
