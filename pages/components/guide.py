"""The guided path: a few steps over the demo's finding, saying what one sees, what to move and where to look.

A step stands on a page and points at an element by its key there. What was dismissed is remembered by the browser.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from cache.memo import workspace
from pages.components import selection


@dataclass(frozen=True)
class Step:
    """One step: the page it stands on, the key of the element it points at ("" for none), a head and a sentence."""

    page: str
    at: str
    head: str
    words: str


FIRST = "overview"
KNOWN = {  # mastery level -> how well the base knew the facts, as Mastery defines it
    0: "that its base never told rightly",
    1: "that its base hardly knew",
    2: "that its base half knew",
    3: "that its base mostly knew",
    4: "that its base knew well",
}
_DEMO_NAME = re.compile(r"level-([0-4])-(\d+)")  # the demo's tuned models: the facts' mastery level, how many
_FURTHER = (
    Step(
        "restore",
        "k",
        "Move this",
        "The slider gives the k% most changed weights their base values back. The buttons above are the paper's stops: "
        "press the one the finding named, and see what the model answers there.",
    ),
    Step(
        "restore",
        "accuracy",
        "Look here",
        "Accuracy at this stop with its 95% interval, and how many questions it fixed and broke against the tuned "
        "model. In the curve below, the grey line is the control: as many weights, drawn by lot.",
    ),
    Step(
        "samples",
        "tiles",
        "Which questions?",
        "Every question, sorted by what happened to its answer. Press a tile to see only those; choose a row to read "
        "what base, tuned and restored said.",
    ),
    Step(
        "updates",
        "grid",
        "Where was it written?",
        "Each cell is one kind of weight in one layer; the brighter, the more fine-tuning changed it. Press a cell for "
        "its tensors.",
    ),
    Step(
        "compare",
        "own",
        "Your own pair",
        "Give two folders or Hugging Face ids here. Their headers are checked in a second, before any weight is read. "
        "Copy link at the top keeps any view; ? lists the keys.",
    ),
)

_TO_A_PAIR = Step(
    "compare",
    "",
    "First, something to look at",
    "No pair is loaded. The demo on this page has its fine-tuned models ready in about a minute, and Load shows one of "
    "them; the steps after this one stand on what it shows.",
)


def steps() -> tuple[Step, ...]:
    """The path, its first step in the words of the pair that is looked at; to one where there is none."""
    if selection.comparison() is None:
        return _TO_A_PAIR, *_FURTHER
    words = (
        f"{tuned_words(_demo_name())} This sentence says what that did to its knowledge, and what giving weights back "
        "repairs; the figures below show it."
    )
    return Step(FIRST, "finding", "What you see: a finished finding", words), *_FURTHER


def _demo_name() -> str:
    """What the demo calls the tuned model that is looked at; "" for any other."""
    pair, demo = selection.comparison(), workspace().demo()
    if pair is None or demo is None:
        return ""
    return next((name for name, folder in demo.tuned.items() if Path(folder) == Path(pair.tuned)), "")


def tuned_words(demo_name: str) -> str:
    """What a tuned model was fine-tuned on, where it is one of the demo's."""
    found = _DEMO_NAME.fullmatch(demo_name)
    if found is None:
        return "A model was fine-tuned from the base beside it."
    level, size = int(found[1]), int(found[2])
    return f"A small model was fine-tuned on {size:,} facts {KNOWN[level]} (mastery level {level})."


def opens_by_itself(page: str) -> bool:
    """Whether the path may open without being asked for: on the demo's finding, where the browser has never seen it."""
    pair = selection.comparison()
    if page != FIRST or pair is None:
        return False
    demo = workspace().demo()
    return demo is not None and Path(pair.base) == demo.base
