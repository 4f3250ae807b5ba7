"""The widgets that say what to fine-tune on and how: facts, amounts, learning rate, the way and its strength.

Every one of them is in the address, so that a link, F5 and Back bring it back.
"""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from analysis.figures import numbers, training
from analysis.records import MASTERY_LEVELS
from analysis.training.settings import PAPER_LEARNING_RATE, PRECISIONS
from analysis.training.variants import EVERY_STEPS, VARIANT_NAMES, VARIANTS, Variant
from cache.memo import workspace
from cache.training import Training
from pages.components import address
from pages.components.words import MASTERY, plain

PAPER_SIZE = 240
MOST, MOST_EPOCHS, MOST_BATCH = 999_999_999, 100, 1024
LOWEST_RATE, HIGHEST_RATE = 1e-8, 0.9
FROM = {"level": "one level", "mix": "a mix of levels", "any": "any level"}
LEARNING_RATE = (
    "At the peak of the cosine schedule. The paper's is 1e-5, for models like LLaMA-3-8B; the demo's base is a "
    "thousandth of that size and does not move at it, so 3e-4 is used there."
)
NO_LEVELS = (
    " None has a level: to train on one, give a mastery table of the train split's facts (Mastery page, questions with "
    "split: train)."
)
PRECISION = "Of the arithmetic; the weights are float32 always. auto: bfloat16 on a CUDA device that has it."
ACCUMULATE = "The facts of a step are taken in so many parts, one after another: less memory, the same step."
CHECKPOINTING = "Gradient checkpointing: much less memory, about a third slower."
KINDS = "q,k,v,o,gate,up,down"
RELATIONS = "Relation ids, as P17, P19. Without any: those about places, as in the paper; all of them where none is."


def chosen(base: str, source: str, table: str | None, held: Mapping[int | None, int]) -> Training:
    """What the widgets ask for, drawn here; `held`: facts by level; raises SpecError and TrainingError."""
    facts = _facts(held)
    size, seed, epochs, batch = _amounts()
    rate = _learning_rate(base)
    variant = _variant()
    return Training(
        base=base,
        questions=source,
        mastery=table,
        size=size,
        seed=seed,
        epochs=epochs,
        batch_size=batch,
        learning_rate=rate,
        variant=variant,
        **facts,
        **_more(),
    )


def _facts(held: Mapping[int | None, int]) -> dict[str, object]:
    """Which facts: level, mix or any, and the relations."""
    levels = any(held.get(each) for each in MASTERY_LEVELS)
    known = list(FROM) if levels else ["any"]
    address.hold(
        address.one_of("ft_from", known, known[0]),
        address.one_of("ft_level", MASTERY_LEVELS, 0),
        address.words("ft_relations"),
    )
    chosen = st.segmented_control("Facts of", known, required=True, format_func=FROM.get, key="ft_from", help=MASTERY)
    found: dict[str, object] = {}
    if chosen == "level":
        found["level"] = st.segmented_control(
            "Mastery level, and how many facts it holds",
            MASTERY_LEVELS,
            required=True,
            format_func=lambda each: f"{each} · {numbers.count(held.get(each, 0))}",
            key="ft_level",
        )
    elif chosen == "mix":
        found["mix"] = _mix(held)
    else:
        st.caption(f"{numbers.count(sum(held.values()))} facts." + ("" if levels else NO_LEVELS))
    most = {"max_chars": address.LONGEST_TEXT}
    words = st.text_input("Only these relations (optional)", key="ft_relations", help=RELATIONS, **most)
    names = tuple(word.strip() for word in words.split(",") if word.strip())
    return found | ({"relations": names} if names else {})


def _mix(held: Mapping[int | None, int]) -> tuple[tuple[int, float], ...]:
    columns = st.columns(len(MASTERY_LEVELS))
    address.hold(
        *(address.whole_number(f"ft_mix_{level}", 0, 100, 50 if level in (0, 4) else 0) for level in MASTERY_LEVELS)
    )
    shares = [
        column.number_input(
            f"Level {level}, %",
            0,
            100,
            step=5,
            key=f"ft_mix_{level}",
            help=f"{numbers.count(held.get(level, 0))} facts are there.",
        )
        for column, level in zip(columns, MASTERY_LEVELS, strict=True)
    ]
    return tuple((level, share / 100) for level, share in zip(MASTERY_LEVELS, shares, strict=True))


def _amounts() -> tuple[int | None, int, int, int]:
    address.hold(
        address.whole_number("ft_size", 0, MOST, PAPER_SIZE),
        address.whole_number("ft_seed", 0, MOST, 0),
        address.whole_number("ft_epochs", 1, MOST_EPOCHS, 1),
        address.whole_number("ft_batch", 1, MOST_BATCH, 8),
    )
    size, seed, epochs, batch = st.columns(4)
    again, batches = "Times every fact is seen; the paper: 1.", "The batch size; the paper's is 8."
    return (
        int(size.number_input("Facts (0: all)", 0, MOST, step=60, key="ft_size")) or None,
        int(seed.number_input("Seed", 0, MOST, key="ft_seed", help="Draws the facts and orders the batches.")),
        int(epochs.number_input("Epochs", 1, MOST_EPOCHS, key="ft_epochs", help=again)),
        int(batch.number_input("Facts a step", 1, MOST_BATCH, key="ft_batch", help=batches)),
    )


def _learning_rate(base: str) -> float:
    usual = workspace().usual_learning_rate(base)
    key = f"ft_rate_{usual:g}"  # a base with another usual rate opens on its own
    address.hold(address.decimal(key, LOWEST_RATE, HIGHEST_RATE, usual))
    rate = st.number_input(
        "Learning rate", LOWEST_RATE, HIGHEST_RATE, format="%.1e", key=key, help=LEARNING_RATE, width=220
    )
    if usual != PAPER_LEARNING_RATE:
        st.caption("3e-4 suits the demo's small base; the paper's 1e-5 hardly moves it.")
    return float(rate)


def _variant() -> Variant:
    """The way of fine-tuning with its strength, where it has one."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    address.hold(address.one_of("ft_variant", VARIANT_NAMES, VARIANT_NAMES[0]))
    name = left.selectbox(
        "Way of fine-tuning", VARIANT_NAMES, format_func=lambda each: VARIANTS[each].title, key="ft_variant"
    )
    about, strength = VARIANTS[name], None
    if about.default is not None:
        lowest, highest, usual = float(about.lowest), float(about.highest), float(about.default)
        address.hold(address.decimal(f"ft_strength_{name}", lowest, highest, usual))
        strength = right.number_input(
            _first_upper(about.unit),
            lowest,
            highest,
            step=usual / 2,
            format="%g",
            key=f"ft_strength_{name}",
        )
    st.caption(plain(f"{about.does} Source: {about.source}."))
    layers = modules = every = None
    if name in ("freeze", "restoring"):
        layers, modules, every = _parts(name)
    return Variant(name, strength, layers, modules, every)


def _parts(name: str) -> tuple[tuple[int, ...] | None, tuple[str, ...] | None, int | None]:
    """Layers, kinds of module and, for restoring, every how many steps."""
    texts = {"max_chars": address.LONGEST_TEXT}
    address.hold(
        address.words(f"ft_layers_{name}"),
        address.words(f"ft_modules_{name}"),
        *([address.whole_number("ft_every", 1, MOST, EVERY_STEPS)] if name == "restoring" else []),
    )
    first, second, third = st.columns(3)
    layers = first.text_input("Only layers", key=f"ft_layers_{name}", placeholder="0-3 or 0,5", **texts)
    modules = second.text_input("Only modules", key=f"ft_modules_{name}", placeholder=KINDS, **texts)
    every = third.number_input("Every so many steps", 1, MOST, key="ft_every") if name == "restoring" else None
    return training.layers_from(layers), _words(modules), every if every is None else int(every)


def _more() -> dict[str, Any]:
    """What changes memory and speed: the arithmetic, and how a step's facts are taken."""
    address.hold(
        address.one_of("ft_precision", PRECISIONS, PRECISIONS[0]),
        address.whole_number("ft_accumulate", 1, MOST_BATCH, 1),
        address.switch("ft_checkpointing", default=False),
    )
    with st.expander("More", icon=":material/tune:"):
        first, second = st.columns(2, vertical_alignment="bottom")
        return {
            "precision": first.selectbox("Precision", PRECISIONS, key="ft_precision", help=PRECISION),
            "accumulate": int(
                second.number_input("Parts of a step", 1, MOST_BATCH, key="ft_accumulate", help=ACCUMULATE)
            ),
            "gradient_checkpointing": st.checkbox(
                "Compute activations again instead of keeping them", key="ft_checkpointing", help=CHECKPOINTING
            ),
        }


def _first_upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def _words(text: str) -> tuple[str, ...] | None:
    return tuple(word.strip() for word in text.split(",") if word.strip()) or None
