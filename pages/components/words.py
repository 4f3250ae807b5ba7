"""Words on pages: names from files made harmless, and the terms explained where they stand, with their source."""

import re

PAPER = "Ye et al., EMNLP 2025"
PAPER_LINK = f"[{PAPER}](https://arxiv.org/abs/2509.16596)"
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&@])")
_VALUE = re.compile(r"\b([pnk]) ([=<]) (?=\d)")  # files and exports have plain spaces

RELATIVE_CHANGE = (
    "Relative change of a parameter: r = |s − p| / |p|, with p its value in the base and s in the tuned model. "
    f"All parameters of the region are ranked together ({PAPER}, section 5)."
)
THRESHOLD = (
    "The smallest key that is restored: a relative change r where the order is by r, an absolute change |d| where it "
    "is by |d|. Random draws have none, nor do blends."
)
EFFECTIVE_K = (
    "Effective k: the share of the region whose value really changes by this restoration. It is smaller than k when "
    "k asks for parameters that fine-tuning never moved, so compare controls at equal effective k."
)
L2_MOVED = (
    "How far the stored values moved from tuned, as a share of the squared distance from tuned to base: "
    "sum (restored − tuned)² / sum (tuned − base)². 100% at the base; more where changes were rescaled."
)
CLIFF = (
    "The cliff: past the share of parameters that fine-tuning changed at all, restoring more restores nothing; "
    "the region then equals the base."
)
MASTERY = (
    "Mastery: how often the BASE model completes the fact rightly (21 statement templates × 10 samples). Level 0: "
    f"never; levels 1–4: up to 25, 50, 75 and 100% of completions ({PAPER}, section 3)."
)
HEADLINE = (
    "The headline is the plain mean of the accuracies at the mastery levels present, as in the paper; an answer is "
    "right when a gold answer or alias is contained in the output (greedy, at most 16 new tokens). "
    "Interval: 95%, bootstrap within levels."
)
MCNEMAR = "Exact two-sided McNemar test on the questions whose answer changed side; small p: unlikely to be chance."
CONCENTRATION = (
    "Share of all relative change held by the most changed x% of parameters "
    f"({PAPER}, Table 3). The ratio is heavy-tailed by construction: the null curve (the same changes shuffled "
    "against the base values) is beside it, and so is the share of absolute change |d|."
)


def plain(name: object) -> str:
    """Text from a file or a person, escaped so that Markdown shows it as it is; 'p = 0.02' stays in one line."""
    together = _VALUE.sub("\\1\u00a0\\2\u00a0", str(name))
    return _MARKUP.sub(r"\\\1", together)
