"""The terms on screen, each in a sentence or two with its source: the list behind Words, and help where a term stands.

Plain text, no Markdown: the list is written as it is.
"""

from dataclasses import dataclass

from pages.components import words


@dataclass(frozen=True)
class Term:
    """One term: what it means, and where the definition comes from."""

    name: str
    words: str
    source: str


OURS = "Palimpsest; README, Decisions"
PAPER = f"{words.PAPER}, arXiv 2509.16596"

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
        f"{PAPER}, section 5; the others are cited on Restore",
    ),
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
        f"Kullback and Leibler 1951; {PAPER}, section 4",
    ),
    Term(
        "Top-10 KL",
        "The same over the tuned model's ten largest logits and the base's logits of the same tokens, "
        "each renormalised: the paper's measure.",
        f"{PAPER}, section 4",
    ),
    Term(
        "Exact, paper's arithmetic",
        "Exact: r from the stored values in float64. Paper: as the authors' script "
        "computes it, in the stored precision with 1e-8 added to |p|.",
        "The authors' script; README, Decisions",
    ),
    Term(
        "Chosen here, reported there",
        "The best of several stops looks better than it is. So a stop is chosen on one "
        "part of the questions and its accuracy told from another.",
        OURS,
    ),
)
