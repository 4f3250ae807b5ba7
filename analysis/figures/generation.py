"""Two continuations of the same prompts as tables, words and HTML: aligned token by token, with the place they part.

All token text is made visible (figures.visible) and escaped. Knows no streamlit.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from statistics import median
from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from analysis.figures import numbers, style
from analysis.figures.visible import legible, visible

if TYPE_CHECKING:
    from analysis.language.generation_records import AlignedTokens, GenerationComparison, PromptContinuations, ToldToken

COLUMNS = ("text_id", "prompt", "parted_at", "kl_nats", "base", "tuned", "base_stopped", "tuned_stopped")
STYLE = """<style>
.told { overflow-x: auto; padding: 0.15rem 0 0.35rem; }
.told table { border-collapse: separate; border-spacing: 2px 3px; font-size: 0.9rem; }
.told th { text-align: left; font-weight: 600; padding-right: 0.7rem; white-space: nowrap; position: sticky; left: 0;
  background: var(--told-paper, transparent); }
.told td { padding: 0.1rem 0.35rem; border-radius: 3px; white-space: pre; unicode-bidi: isolate;
  font-family: var(--st-code-font, monospace); }
.told .mark { opacity: 0.6; }
.told .same { background: rgba(128, 128, 128, 0.16); }
.told .base { background: rgba(0, 114, 178, 0.24); }
.told .tuned { background: rgba(213, 94, 0, 0.24); }
.told .restored { background: rgba(0, 158, 115, 0.26); }
.told .special { border: 1px dashed rgba(128, 128, 128, 0.8); font-size: 0.8em; }
.told .gap { color: rgba(128, 128, 128, 0.9); }
.told .parts { box-shadow: inset 3px 0 0 currentColor; }
</style>"""


def told_html(told: PromptContinuations, state: str) -> str:
    """Both continuations as two rows of one table, a column an aligned pair, the parting place marked."""
    rows = [_row(told, "base", told.base, "base"), _row(told, state, told.tuned, "tuned")]
    return f'<div class="told"><table>{"".join(rows)}</table></div>'


def _row(told: PromptContinuations, name: str, tokens: Sequence[ToldToken], side: str) -> str:
    cells = [_cell(told, pair, getattr(pair, side), name, tokens) for pair in told.aligned]
    return f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>'


def _cell(
    told: PromptContinuations, pair: AlignedTokens, place: int | None, name: str, tokens: Sequence[ToldToken]
) -> str:
    if place is None:
        return '<td class="gap">–</td>'
    token = tokens[place]
    classes = ["same" if pair.same else name, *(["special"] if token.special else [])]
    classes += ["parts"] if place == told.parted_at else []
    hint = f"{_share(token.probability)} by {name}"
    return f'<td class="{" ".join(classes)}" title="{escape(hint)}">{_marked(token.text)}</td>'


def _marked(text: str) -> str:
    parts = (escape(piece.replace("\n", "")) for piece in visible(text))
    return "".join(f'<span class="mark">{part}</span>' if at % 2 else part for at, part in enumerate(parts) if part)


def parting_words(told: PromptContinuations, state: str) -> str:
    """Where the two part and how each saw the other's choice there; nothing of it is Markdown but what is escaped."""
    at = told.parted_at
    if at is None:
        n = len(told.base)
        return f"Both tell the same {numbers.count(n)} token{'' if n == 1 else 's'}."
    sides = [_choice("base", told.base, at, state), _choice(state, told.tuned, at, "base")]
    kl = "" if told.kl_nats is None else f" KL({state} ‖ base) there: {numbers.significant(told.kl_nats)} nats."
    return f"They part at token {at + 1}: {'; '.join(side for side in sides if side)}.{kl}"


def _choice(name: str, tokens: Sequence[ToldToken], at: int, other: str) -> str:
    if at >= len(tokens):
        return f"{name} had ended"
    token = tokens[at]
    words = f"{name} tells “{legible(token.text)}” ({_share(token.probability)}"
    if token.other_probability is None:
        return words + ")"
    return words + f"; {other}: {_share(token.other_probability)}, rank {numbers.count(token.other_rank)})"


def _share(probability: float) -> str:
    return "<0.1%" if 0 < probability < 0.0005 else numbers.share(probability)


def generation_words(found: GenerationComparison) -> str:
    """The comparison in a sentence: how many part, and where half of those have."""
    total = len(found.prompts)
    places = [told.parted_at + 1 for told in found.prompts if told.parted_at is not None]
    if not places:
        return f"Base and {found.state} continue all {numbers.count(total)} prompts alike, token for token."
    return (
        f"{numbers.count(found.parted)} of {numbers.count(total)} prompts are continued differently by base and "
        f"{found.state} (greedy, at most {found.max_new_tokens} tokens); half of these part by token "
        f"{median(places):g}."
    )


def ordered(found: GenerationComparison, order: str) -> tuple[PromptContinuations, ...]:
    """The prompts "given", by "early" parting, or by the largest "kl" where they part; those that do not part last."""
    if order == "early":
        return tuple(sorted(found.prompts, key=lambda told: (told.parted_at is None, told.parted_at or 0)))
    if order == "kl":
        return tuple(sorted(found.prompts, key=lambda told: (told.parted_at is None, -(told.kl_nats or 0.0))))
    return found.prompts


def generation_table(found: GenerationComparison) -> pd.DataFrame:
    """One row a prompt: where the continuations part (from 1, missing where they do not), KL there, both texts."""
    rows = [
        (
            told.id,
            told.prompt,
            None if told.parted_at is None else told.parted_at + 1,
            told.kl_nats,
            told.base_text,
            told.tuned_text,
            told.base_stopped,
            told.tuned_stopped,
        )
        for told in found.prompts
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.rename(columns={"tuned": found.state, "tuned_stopped": f"{found.state}_stopped"})


def together_table(found: GenerationComparison) -> pd.DataFrame:
    """For 0 to max_new_tokens tokens: `share` (0-1) of the n prompts whose continuations are still the same."""
    total = len(found.prompts)
    parted = [told.parted_at for told in found.prompts]
    together = [sum(at is None or at >= token for at in parted) for token in range(found.max_new_tokens + 1)]
    return pd.DataFrame(
        {"token": range(len(together)), "share": [n / total if total else 0.0 for n in together], "n": total}
    )


def together(found: GenerationComparison) -> style.Figure:
    """How long the two keep together: the share of prompts continued alike, token by token."""
    tips = [alt.Tooltip("token:Q", title="tokens"), alt.Tooltip("share:Q", title="still alike", format=".1%")]
    colour = style.COLOURS.get(found.state, style.TUNED)
    figure = (
        alt.Chart(together_table(found))
        .mark_line(interpolate="step-before", color=colour, point=alt.OverlayMarkDef(color=colour, size=30))
        .encode(
            x=alt.X("token:Q", title="tokens told", axis=alt.Axis(tickMinStep=1, grid=False)),
            y=alt.Y("share:Q", title="prompts still alike", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            tooltip=tips,
        )
        .properties(height=style.SLIM_HEIGHT)
    )
    return style.finish(
        figure, f"How long base and {found.state} tell the same (% of prompts)", f"n = {len(found.prompts):,} prompts"
    )
