"""The terms on screen, each in a sentence or two with its source: the list behind Words, and help where a term stands.

Plain text, no Markdown: the list is written as it is.
"""

import re
from dataclasses import dataclass

from analysis.figures import strategies, token_measures
from analysis.figures.token_measures import Measure
from pages.components import words


@dataclass(frozen=True)
class Term:
    """One term: what it means, and where the definition comes from."""

    name: str
    words: str
    source: str


OURS = "Palimpsest; README, Decisions"
PAPER = f"{words.PAPER}, arXiv 2509.16596"

KULLBACK = "Kullback and Leibler 1951"
MEASURE_SOURCES: dict[Measure, str] = {
    "kl_full_nats": KULLBACK,
    "kl_top_nats": f"{PAPER}, section 4",
    "kl_reverse_nats": KULLBACK,
    "js_nats": "Lin 1991",
    "log_prob_change_nats": "The log-likelihood ratio of one token: Neyman and Pearson 1933",
    "entropy_change_nats": "Entropy: Shannon 1948; the difference: Palimpsest",
    "flipped": OURS,
    "rank_change": OURS,
}
TOP = 10  # of the paper's measure
_LINK = re.compile(r"\[([^\]]+)\]\((?:https?://)?([^)]+)\)")


def _unlinked(source: str) -> str:
    """A source without Markdown: '[DARE](https://arxiv.org/abs/2311.03099)' is 'DARE (arxiv.org/abs/2311.03099)'."""
    return _LINK.sub(r"\1 (\2)", source)


def _measures() -> tuple[Term, ...]:
    """What the Tokens page shows of a token, of tuned against base."""
    sides = {"state": "tuned", "against": "base", "first": "tuned", "second": "base", "top": TOP}
    return tuple(
        Term(
            f"Token measure: {token_measures.short_name(measure, TOP)}",
            f"{told.title.format(**sides)}. {told.says.format(**sides)} Unit: {told.unit}; range: {told.range}.",
            MEASURE_SOURCES[measure],
        )
        for measure, told in token_measures.WORDS.items()
    )


def _strategies() -> tuple[Term, ...]:
    """The ways of restoring, by name."""
    return tuple(
        Term(f"Strategy: {told.name}", f"{told.kind}. {told.line}", _unlinked(told.source))
        for told in strategies.WORDS.values()
    )


TERMS = (
    Term(
        "Base, tuned, restored",
        "The model before fine-tuning (blue), after it (orange), and the tuned model with "
        "some weights given their base values back (green).",
        OURS,
    ),
    Term("Mastery, level 0 to 4", words.MASTERY, f"{PAPER}, section 3"),
    Term(
        "In-domain, out-of-domain",
        "Facts of the relations that fine-tuning used, and of relations it never saw.",
        f"{PAPER}, section 3",
    ),
    Term("Accuracy, five-level mean", words.HEADLINE, f"{PAPER}, section 3; interval: Efron and Tibshirani 1993"),
    Term(
        "95% interval of a share",
        "Wilson's interval: where the true share lies, in 95 of 100 such samples, given n questions.",
        "Wilson 1927",
    ),
    Term(
        "Fixed, broken, McNemar p",
        "Fixed: wrong in tuned, right now; broken: the reverse. " + words.MCNEMAR,
        "McNemar 1947, exact form",
    ),
    Term(
        "Healed, kept, newly broken",
        "Question by question over base, tuned and restored. Healed: right in base, wrong in tuned (damaged), right "
        "again now. Kept: wrong in base, right in tuned (won by fine-tuning), still right now. Newly broken: right in "
        "tuned, wrong now, whatever the base said.",
        OURS,
    ),
    Term(
        "Scorers disagree",
        "An answer is scored in four ways: contained anywhere (the paper's), as whole words, in the first line, and "
        "exact after normalising. They disagree where not all four are alike.",
        f"Contained: {PAPER}, section 3; exact: Rajpurkar et al. 2016 (SQuAD); the others: {OURS}",
    ),
    Term(
        "Doubtful credit",
        "Counted as right because an accepted answer is contained, for a reason worth a look: it is very short, it "
        "stands in the question already, only after the first line, or inside a longer word.",
        OURS,
    ),
    Term("Relative change r", words.RELATIVE_CHANGE, f"{PAPER}, section 5"),
    Term(
        "k, restored percentage",
        "The share of the region's weights, the most changed first, that get their base "
        "values back. For blends: the share of the update that is taken back.",
        f"{PAPER}, section 5",
    ),
    Term("Effective k", words.EFFECTIVE_K, OURS),
    Term("Way to the base", words.L2_MOVED, OURS),
    Term("Threshold", words.THRESHOLD, f"{PAPER}, section 5"),
    Term("Cliff", words.CLIFF, OURS),
    Term("Stop", "One position of the slider with its result: a restoration, evaluated on the chosen questions.", OURS),
    Term(
        "Region",
        "Which weights take part: the transformer layers' matrices without norms (the paper's), attention, "
        "MLP, the embeddings, or everything.",
        f"{PAPER}, section 5",
    ),
    Term(
        "Strategy",
        "In which order weights are given back, or how the update is shrunk. Random is the control: as "
        "many weights, drawn by lot.",
        f"{PAPER}, section 5; the others each at their own name",
    ),
    *_strategies(),
    Term("Concentration", words.CONCENTRATION, f"{PAPER}, Table 3"),
    Term(
        "Null curve",
        "What the concentration would be by chance: the same changes, shuffled against the base values. "
        "Only what lies above it says where fine-tuning wrote.",
        OURS,
    ),
    Term(
        "KL, in nats",
        "KL(tuned ‖ base) = sum of p ln(p / q) over the next token, p the tuned model's probabilities "
        "and q the base's: how surprised the base is by what the tuned model expects. 0 where they agree.",
        f"{KULLBACK}; {PAPER}, section 4",
    ),
    *_measures(),
    Term(
        "Exact, paper's arithmetic",
        "Exact: r from the stored values in float64. Paper: as the authors' script "
        "computes it, in the stored precision with 1e-8 added to |p|.",
        "The authors' script; README, Decisions",
    ),
    Term(
        "Optimism of a chosen stop",
        "Its accuracy on the questions that chose it minus that on the others: how much better the best of several "
        "looked than it is.",
        "Efron 1983; README, Decisions",
    ),
    Term(
        "Chosen here, reported there",
        "The best of several stops looks better than it is. So a stop is chosen on one "
        "part of the questions and its accuracy told from another.",
        OURS,
    ),
)
