"""What a curve's best stop carries, kept by the process: its tests resample, and a slider redraws at every move."""

import streamlit as st

from analysis.figures import stop_verdicts
from analysis.figures.headlines import Scope
from analysis.records import Evaluation, Stop
from cache.keys import digest
from cache.memo import workspace
from cache.work import Asking, Comparison


def judged(
    pair: Comparison, asking: Asking, known: tuple[Stop, ...], scope: Scope, tuned: Evaluation
) -> stop_verdicts.Judged:
    """The best of these stops against tuned and against every draw of its control, on the questions of one domain."""
    best = stop_verdicts.best_ranked(known, scope)
    if best is None:
        return stop_verdicts.Judged()
    tested = [best, *stop_verdicts.controls(known, best)]
    runs = [[stop.spec.identity(), stop.evaluation.seconds, stop.evaluation.correct] for stop in tested]
    asked = [workspace().question_set(asking).id, asking, tuned.seconds, tuned.correct]
    return _judged(digest([str(workspace().home), pair, scope, asked, runs]), scope, pair, asking, known, tuned)


@st.cache_resource(max_entries=64, show_spinner=False)
def _judged(
    name: str, scope: Scope, _pair: Comparison, _asking: Asking, _known: tuple[Stop, ...], _tuned: Evaluation
) -> stop_verdicts.Judged:
    """Made once for every `name`, which tells the answers that are compared."""
    del name
    every = workspace().question_set(_asking).questions
    answers = workspace().known_evaluation
    return stop_verdicts.judged(_known, scope, _tuned, every, lambda spec: answers(_pair, spec, _asking))
