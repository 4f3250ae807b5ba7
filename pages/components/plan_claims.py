"""What agrees with the paper and what does not, as lines a person can read: verdict, finding, what was found."""

from collections.abc import Sequence

import streamlit as st

from analysis.experiments.claim import Claim, Verdict
from pages.components.words import plain

BADGES: dict[Verdict, str] = {
    "agrees": ":green-badge[:material/check: agrees]",
    "differs": ":red-badge[:material/close: does not agree]",
    "untold": ":orange-badge[:material/question_mark: cannot be told]",
    "missing": ":gray-badge[:material/remove: not measured]",
}
VERDICT_HELP = (
    "agrees, does not agree: the spreads lie apart. cannot be told: they overlap, or a single run is too little. A "
    "spread is from the lowest to the highest run, or the 95% interval over the questions of a single run."
)


def lines(found: Sequence[Claim], *, key: str) -> None:
    """The findings, each with its verdict, what the paper says and what was measured here."""
    with st.container(border=True, key=f"claims-{key}"):
        st.markdown("**Held against the paper**", help=VERDICT_HELP)
        for claim in found:
            st.markdown(
                f"{BADGES[claim.verdict]} &nbsp;**{plain(claim.where)}** · {plain(claim.paper)}  \n"
                f"Here: {plain(claim.here)}"
            )


def sentence(found: Sequence[Claim]) -> str:
    """The same as running text, for a pin or a screen reader."""
    verdicts = {"agrees": "agrees", "differs": "does not agree", "untold": "cannot be told", "missing": "not measured"}
    return " ".join(f"{claim.where}: {verdicts[claim.verdict]}. {claim.here}" for claim in found)
