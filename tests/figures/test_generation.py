"""Two continuations on screen: aligned as told, escaped, and the place they part said in words."""

import math

import pytest

from analysis.figures import generation
from analysis.language.generation_records import AlignedTokens, GenerationComparison, PromptContinuations, ToldToken

HOSTILE = "<img src=x onerror=alert(1)>"


def told(name: str, base: tuple[str, ...], tuned: tuple[str, ...], parted_at: int | None) -> PromptContinuations:
    def tokens(texts: tuple[str, ...]) -> tuple[ToldToken, ...]:
        return tuple(
            ToldToken(at, text, 0.4, False, *((0.0001, 7) if at == parted_at else (None, None)))
            for at, text in enumerate(texts)
        )

    pairs = [
        AlignedTokens(
            at if at < len(base) else None, at if at < len(tuned) else None, base[at : at + 1] == tuned[at : at + 1]
        )
        for at in range(max(len(base), len(tuned)))
    ]
    return PromptContinuations(
        id=name,
        prompt=f"prompt {name}",
        base=tokens(base),
        tuned=tokens(tuned),
        base_text="".join(base),
        tuned_text="".join(tuned),
        base_stopped="eos",
        tuned_stopped="length",
        parted_at=parted_at,
        kl_nats=None if parted_at is None else 1.25,
        aligned=tuple(pairs),
    )


@pytest.fixture
def found() -> GenerationComparison:
    prompts = (
        told("late", (" in", " Rome"), (" in", " Paris", HOSTILE), 1),
        told("same", (" yes",), (" yes",), None),
        told("soon", (" a",), ("\u202eb\n",), 0),
    )
    return GenerationComparison(prompts, max_new_tokens=3, parted=2, state="tuned", seconds=0.1)


def test_both_rows_have_a_cell_for_every_pair_and_gaps_are_shown(found: GenerationComparison) -> None:
    html = generation.told_html(found.prompts[0], "tuned")
    assert html.count("<tr>") == 2 and html.count("<td") == 6
    assert html.count('class="gap"') == 1
    assert html.count('class="same"') == 2
    assert html.count("parts") == 2  # the parting place, once a side


def test_no_token_acts_on_the_page(found: GenerationComparison) -> None:
    html = "".join(generation.told_html(prompt, "tuned") for prompt in found.prompts)
    assert "<img" not in html and "&lt;img" in html
    assert "\u202e" not in html and "\n" not in html


def test_the_parting_place_is_said_with_both_models_views(found: GenerationComparison) -> None:
    words = generation.parting_words(found.prompts[0], "tuned")
    assert words == (
        "They part at token 2: base tells “ Rome” (40.0%; tuned: <0.1%, rank 7); tuned tells “ Paris” (40.0%; base: "
        "<0.1%, rank 7). KL(tuned ‖ base) there: 1.25 nats."
    )
    assert generation.parting_words(found.prompts[1], "tuned") == "Both tell the same 1 token."
    ended = told("ended", (" a",), (" a", " b"), 1)
    assert "base had ended" in generation.parting_words(ended, "tuned")


def test_the_sentence_counts_what_parts_and_where_half_has(found: GenerationComparison) -> None:
    assert generation.generation_words(found).startswith("2 of 3 prompts are continued differently by base and tuned")
    assert "half of these part by token 1.5." in generation.generation_words(found)


def test_prompts_come_in_the_order_asked_for_those_alike_last(found: GenerationComparison) -> None:
    assert [prompt.id for prompt in generation.ordered(found, "early")] == ["soon", "late", "same"]
    assert [prompt.id for prompt in generation.ordered(found, "given")] == ["late", "same", "soon"]


def test_the_table_holds_both_texts_and_leaves_missing_what_is_missing(found: GenerationComparison) -> None:
    table = generation.generation_table(found).set_index("text_id")
    assert table.loc["late", "parted_at"] == 2 and math.isnan(table.loc["same", "parted_at"])
    assert table.loc["soon", "tuned"] == "\u202eb\n"


def test_the_share_still_alike_falls_where_prompts_part(found: GenerationComparison) -> None:
    table = generation.together_table(found)
    assert table["share"].tolist() == pytest.approx([1.0, 2 / 3, 1 / 3, 1 / 3])
    assert "(% of prompts)" in generation.together(found).to_dict()["title"]["text"]
