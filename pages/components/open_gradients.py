"""Why does low-mastery data do more harm? Gradients by level at the base or at the tuned model, on a page."""

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from analysis.experiments.gradient_tables import cosine_table, level_table, norm_table
from analysis.experiments.gradients import GradientSettings
from analysis.figures import numbers
from analysis.figures import open_questions as figures
from cache.about import About
from cache.memo import workspace
from cache.open_questions import OVERLAP_PERCENTS, GradientReport
from cache.work import Asking, Comparison
from pages.components import address, charts, open_asking

AT = {"base": "at the base", "tuned": "at the tuned model"}
AT_HELP = (
    "At the base every sample pulls toward the prompt's format, whatever its level. At a model tuned on a few hundred "
    "facts the format is known, and what is left is the facts themselves."
)
SAMPLES = (48, 240, 480)
BY = {"layer": "by layer", "module": "by module"}


def show() -> None:
    """The controls, then the stored answer or the way to it."""
    st.markdown(
        "**Where do the gradients of facts the base barely knows go, and are these the parameters that restoration "
        "takes back?** Gradients of training facts, level by level, over the loss of fine-tuning."
    )
    pair = open_asking.pair()
    asking = open_asking.facts(pair) if pair is not None else None
    if pair is None or asking is None:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        address.hold(address.one_of("gradients_at", AT, "base"))
        at = st.segmented_control(
            "Gradients", list(AT), required=True, format_func=AT.get, key="gradients_at", help=AT_HELP
        )
        address.hold(address.one_of("gradients_n", SAMPLES, SAMPLES[1]))
        n = st.selectbox("Facts a level", SAMPLES, key="gradients_n", width=140)
    settings = GradientSettings(n=int(n))
    report = workspace().known_gradients(pair, asking, settings, at=at or "base")
    if report is None:
        open_asking.offer(
            "gradients",
            "Gather the gradients",
            f"{numbers.count(n * len(settings.levels))} training facts, forward and back, and one comparison: under a "
            "minute for the demo's base on a quiet machine, and disk for one copy of the model in float32 a level and "
            f"group ({settings.vectors}), removed at the end.",
            "gradients",
            pair,
            asking,
            settings,
            at=at or "base",
        )
        return
    command = _command(pair, asking, settings, at or "base")
    _figures(report, partial(_about, report, asking, command), command)


def _about(report: GradientReport, asking: Asking, command: str) -> About:
    """What it hangs on, of the session's pair; the hash of the facts is taken when it is asked for."""
    settings = report.gathered.settings
    further = {
        "gradients": AT[report.at],
        "facts a level": settings.n,
        "levels": settings.levels,
        "facts": open_asking.facts_words(asking),
        "prompt": settings.prompt,
        "arithmetic": "exact",
        "seed": settings.seed,
    }
    return About(command=command, further=further)


def _figures(report: GradientReport, about: Callable[[], About], command: str) -> None:
    words = figures.gradient_words(report.gathered)
    st.info(words, icon=":material/insights:")
    shared: dict[str, Any] = {"about": about}
    charts.show(figures.cosine_grid(report.gathered), key="gradient-cosines", alt=words, **shared)
    address.hold(
        address.one_of("norms_by", BY, "module"),
        address.one_of("overlap_percent", OVERLAP_PERCENTS, OVERLAP_PERCENTS[1]),
    )
    by = st.segmented_control("Norms", list(BY), required=True, format_func=BY.get, key="norms_by")
    charts.show(
        figures.norm_lines(report.gathered, by or "module"),
        key=f"gradient-norms-{by}",
        alt=figures.norm_words(report.gathered, by or "module"),
        **shared,
    )
    percent = st.segmented_control(
        "Restored first",
        OVERLAP_PERCENTS,
        required=True,
        format_func=numbers.percent,
        key="overlap_percent",
    )
    charts.show(
        figures.overlap_dots(report.overlaps, percent or OVERLAP_PERCENTS[1]),
        key=f"gradient-overlap-{percent:g}",
        alt=figures.overlap_words(report.overlaps, percent or OVERLAP_PERCENTS[1]),
        **shared,
    )
    _tables(report, shared)
    open_asking.foot(
        command,
        "A cosine between halves is pulled toward 0 by noise: compare it with the bordered cells, not with 1. "
        "Intervals leave one group of samples out at a time.",
        "Gradients at one set of weights are where training starts, not where it goes: AdamW divides each gradient by "
        "its own size, and every batch whose gradient has a norm over 1 is clipped to 1.",
    )


def _tables(report: GradientReport, shared: dict[str, Any]) -> None:
    with st.expander("The same in numbers"):
        charts.table(level_table(report.gathered), key="gradient_levels", **shared)
        charts.table(cosine_table(report.gathered), key="gradient_cosines", **shared)
        charts.table(norm_table(report.gathered, "layer"), key="gradient_layers", **shared)
        charts.table(norm_table(report.gathered, "module"), key="gradient_modules", **shared)
        charts.table(figures.overlap_table(report.overlaps), key="gradient_overlaps", **shared)


def _command(pair: Comparison, asking: Asking, settings: GradientSettings, at: str) -> str:
    told = ("--at", at, "--samples", settings.n)
    return open_asking.command("gradients", pair.base, pair.tuned, *open_asking.questions(asking), *told)
