"""What agrees with the paper and what does not, as lines a person can read: verdict, finding, what was found."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from analysis.experiments.agreement_restoring import CONTROL
from analysis.experiments.claim import Claim, Verdict
from pages.components import charts, plan_making
from pages.components.words import plain

BADGES: dict[Verdict, str] = {
    "agrees": ":green-badge[:material/check: agrees]",
    "differs": ":red-badge[:material/close: does not agree]",
    "untold": ":orange-badge[:material/question_mark: cannot be told]",
    "missing": ":gray-badge[:material/remove: not measured]",
}
VERDICTS: dict[Verdict, str] = {
    "agrees": "agrees",
    "differs": "does not agree",
    "untold": "cannot be told",
    "missing": "not measured",
}
COUNTED: dict[Verdict, tuple[str, str]] = {  # of one, and of several
    "agrees": ("holds here", "hold here"),
    "differs": ("does not", "do not"),
    "untold": ("cannot be told", "cannot be told"),
    "missing": ("is not measured", "are not measured"),
}
VERDICT_HELP = (
    "agrees, does not agree: the spreads lie apart. cannot be told: they overlap, or a single run is too little. A "
    "spread is from the lowest to the highest run, or the 95% interval over the questions of a single run."
)


def lines(found: Sequence[Claim], plan: str, *, key: str) -> None:
    """The findings, each with its verdict, what the paper says and what was measured here; to pin and to save."""
    with st.container(border=True, key=f"claims-{key}"):
        st.markdown("**Held against the paper**", help=VERDICT_HELP)
        for claim in found:
            st.markdown(
                f"{BADGES[claim.verdict]} &nbsp;**{plain(claim.where)}** · {plain(claim.paper)}  \n"
                f"Here: {plain(claim.here)}"
            )
        frame = claim_table(found)
        charts.foot(frame, key=f"claims-{key}", finding=tally(found), **plan_making.of(plan))


def claim_table(found: Sequence[Claim]) -> pd.DataFrame:
    """The findings as a table: where, what is said there, verdict, what was measured here."""
    rows = [(claim.where, claim.paper, VERDICTS[claim.verdict], claim.here) for claim in found]
    return pd.DataFrame(rows, columns=["of", "finding", "verdict", "measured here"])


def tally(found: Sequence[Claim]) -> str:
    """How many of the paper's findings appear: 'Of 4 findings of the paper, 3 hold here, 1 cannot be told.'"""
    papers = Counter(claim.verdict for claim in found if claim.where != CONTROL)
    told = [f"{papers[verdict]} {words[papers[verdict] > 1]}" for verdict, words in COUNTED.items() if papers[verdict]]
    controls = [f"{claim.where}: {VERDICTS[claim.verdict]}." for claim in found if claim.where == CONTROL]
    return " ".join([f"Of {papers.total()} findings of the paper, {', '.join(told)}.", *controls])


def sentence(found: Sequence[Claim]) -> str:
    """The same as running text, for a pin or a screen reader."""
    return " ".join(f"{claim.where}: {VERDICTS[claim.verdict]}. {claim.here}" for claim in found)
