"""The reading view's data, the colour scale, token tables and figures: what stands on screen is what was measured."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from analysis.figures import token_tables, tokens
from analysis.figures.heat import CLASSES, COLOURS, INKS, heat_scale
from analysis.figures.reading import ANSWER, FLIPPED, SPECIAL, TEMPLATE, reading
from analysis.figures.visible import spoken, visible
from analysis.records import Alternative, DivergenceReport, PromptDivergence, TokenDivergence

HOSTILE = ("<script>alert(1)</script>", "**bold** _x_ $a$ [l](http://x)", "\u202eevil", "\x00\x1b", "<0xF0><0x9F>")


def token(text: str, position: int, kl: float | None = 0.5, **fields: object) -> TokenDivergence:
    number = sum(map(ord, text))
    sides = {
        "base_top": (Alternative(1, " a", 0.6), Alternative(2, " b", 0.2)),
        "tuned_top": (Alternative(2, " b", 0.7), Alternative(1, " a", 0.1)),
        "base_logprob_nats": math.log(0.5),
        "tuned_logprob_nats": math.log(0.25),
    }
    fields = {"special": False, **({} if kl is None else sides), **fields}
    top = None if kl is None else kl / 2
    return TokenDivergence(text, number, position, kl_full_nats=kl, kl_top_nats=top, **fields)  # type: ignore[arg-type]


def make_report(*prompts: PromptDivergence) -> DivergenceReport:
    every = [token for prompt in prompts for token in prompt.tokens]
    counted = [token.kl_full_nats or 0.0 for token in every if token.counted]
    mean = sum(counted) / len(counted) if counted else None
    return DivergenceReport(
        prompts=prompts,
        top=10,
        direction="tuned-base",
        mean_kl_full_nats=mean,
        mean_kl_top_nats=None if mean is None else mean / 2,
        tokens_counted=len(counted),
        special_hidden=sum(token.special for token in every),
        seconds=0.1,
        template_hidden=sum(token.template and not token.special for token in every),
    )


@pytest.fixture
def report() -> DivergenceReport:
    first = (
        token("<s>", 0, None, special=True),
        token("Where", 1, 0.1),
        token("?", 2, 0.3),
        token("<|answer|>", 3, 9.0, template=True),
        token(" Paris", 4, 2.0, part="answer"),
    )
    second = (token("<s>", 0, None, special=True), token("Who", 1, 0.2), token(" Bo", 2, 1.0, part="answer"))
    return make_report(PromptDivergence("one", first), PromptDivergence("two", second))


# --- what is seen of a token -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (" Paris", ("", "·", "Paris")),
        ("a  b", ("a", "··", "b")),
        ("\n", ("", "↵\n")),
        ("x\t", ("x", "⇥")),
        ("\x00", ("", "NUL")),
        ("\u202eevil", ("", "U+202E", "evil")),
        ("\u200b", ("", "U+200B")),
        ("\u0301", ("\u25cc\u0301",)),
        (" <0xF0><0x9F>", ("", "·F0 9F")),
        ("", ("", "∅")),
        ("<b>*x*</b>", ("<b>*x*</b>",)),
    ],
)
def test_what_has_no_glyph_is_marked(text: str, pieces: tuple[str, ...]) -> None:
    assert visible(text) == pieces


@given(some.text(max_size=12))
def test_nothing_that_acts_on_the_page_is_left_bare(text: str) -> None:
    shown = "".join(visible(text)).replace("↵\n", "↵")
    assert shown
    assert not any(letter in shown for letter in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200b\x00\x1b\n\t ")
    assert "\n" not in spoken(text)


# --- the colour scale --------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("paper", ["light", "dark"])
def test_every_class_is_readable_and_in_order_without_colour_vision(paper: str) -> None:
    steps = [luminance(colour) for colour in COLOURS[paper]]  # type: ignore[index]
    assert len(steps) == len(INKS[paper]) == CLASSES  # type: ignore[index]
    ordered = steps if paper == "dark" else steps[::-1]
    assert all((lighter + 0.05) / (darker + 0.05) > 1.1 for darker, lighter in pairwise(ordered))
    for colour, ink in zip(COLOURS[paper], INKS[paper], strict=True):  # type: ignore[index]
        low, high = sorted((luminance(colour), luminance(ink)))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_classes_are_even_steps_from_zero_to_the_largest_value() -> None:
    scale = heat_scale([0.0, 3.0, 12.0])
    assert scale.edges == tuple(float(edge) for edge in range(13))
    assert [scale.colour_class(value) for value in (0.0, 0.99, 1.0, 11.9, 12.0, 99.0, None)] == [
        0,
        0,
        1,
        11,
        11,
        11,
        -1,
    ]


def test_a_clipped_scale_counts_what_lies_above_it() -> None:
    scale = heat_scale([*range(1, 100), 1000], clip_percentile=99)
    assert (scale.edges[-1], scale.clipped) == (99, 1)


def test_a_log_scale_spends_its_classes_on_small_values() -> None:
    scale = heat_scale([1.0], spacing="log")
    assert scale.edges[0] == 0 and scale.edges[1] == pytest.approx(1e-3) and scale.edges[-1] == 1.0
    assert [scale.colour_class(value) for value in (0.0, 1e-4, 1e-2, 1.0)] == [0, 0, 4, 11]


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [math.inf]])
def test_a_scale_without_anything_to_span_still_is_one(values: list[float]) -> None:
    assert heat_scale(values).edges[-1] == 1.0


# --- the reading view's data -------------------------------------------------------------------------------------


def test_one_scale_serves_all_texts_and_leaves_out_what_is_no_content(report: DivergenceReport) -> None:
    data = reading(report)
    assert data["scale"]["edges"][-1] == 2.0  # not the 9 of the template token
    assert [text["classes"] for text in data["texts"]] == [[-1, 0, 1, -1, 11], [-1, 1, 6]]
    assert data["hidden"] == {"special": 2, "template": 1}


def test_a_limit_keeps_the_scale_of_all_texts(report: DivergenceReport) -> None:
    turned = DivergenceReport(**{**vars(report), "prompts": report.prompts[::-1]})
    data = reading(turned, limit=1)
    assert [text["id"] for text in data["texts"]] == ["two"]
    assert data["scale"] == reading(turned)["scale"]
    assert data["hidden"] == {"special": 1, "template": 0}


def test_flags_means_and_alternatives_cross_as_they_are(report: DivergenceReport) -> None:
    text = reading(report, titles={"one": "Where?"})["texts"][0]
    assert text["title"] == "Where?"
    assert (text["counted"], text["mean"]) == (3, pytest.approx(0.8))
    assert text["flags"] == [SPECIAL, FLIPPED, FLIPPED, TEMPLATE | FLIPPED, ANSWER | FLIPPED]
    assert text["base"][4] == [[1, 0.6], [2, 0.2]] and text["base"][0] == []


def test_the_measure_shown_is_named_with_its_direction(report: DivergenceReport) -> None:
    assert reading(report)["title"] == "KL(tuned ‖ base), full vocabulary"
    top = reading(report, measure="top", state="restored")
    assert top["title"] == "KL(restored ‖ base), restored model's 10 likeliest tokens"
    assert top["scale"]["edges"][-1] == 1.0


def test_hostile_tokens_cross_as_plain_strings() -> None:
    report = make_report(PromptDivergence("x", tuple(token(text, at) for at, text in enumerate(HOSTILE, 1))))
    data = json.loads(json.dumps(reading(report)))
    assert data["pieces"][str(sum(map(ord, HOSTILE[0])))] == [HOSTILE[0]]
    assert not any("\u202e" in piece or "\x00" in piece for pieces in data["pieces"].values() for piece in pieces)


def test_pieces_of_a_character_say_which_character_they_make() -> None:
    parts = ("ok", " <0xF0><0x9F>", "<0x98>", "<0x80>", "!", "<0xFF>")
    report = make_report(PromptDivergence("x", tuple(token(text, at) for at, text in enumerate(parts))))
    assert reading(report)["texts"][0]["whole"] == {"1": "😀", "2": "😀", "3": "😀"}


# --- tables ------------------------------------------------------------------------------------------------------


def test_means_stand_with_their_counts(report: DivergenceReport) -> None:
    table = token_tables.means_table(report).set_index("part")
    assert table["n"].to_dict() == {"Prompt": 3, "Answer": 2, "First answer token": 2, "All counted tokens": 5}
    assert table["kl_full_nats"].to_dict() == pytest.approx(
        {"Prompt": 0.2, "Answer": 1.5, "First answer token": 1.5, "All counted tokens": 0.72}
    )
    assert set(table["first_choice_changed"]) == {1.0}


def test_a_part_without_tokens_is_missing_not_zero() -> None:
    report = make_report(PromptDivergence("x", (token("a", 1),)))
    table = token_tables.means_table(report).set_index("part")
    assert table.loc["Answer", "n"] == 0 and math.isnan(table.loc["Answer", "kl_full_nats"])


def test_the_largest_disagreements_come_first_with_their_context(report: DivergenceReport) -> None:
    table = token_tables.ranked_tokens(report, "full", {"one": "Where?"}, limit=2)
    assert table["nats"].tolist() == [2.0, 1.0]
    assert table.iloc[0][["token", "before", "after", "text", "text_id", "position"]].tolist() == (
        ["·Paris", "Where?", "", "Where?", "one", 4]
    )
    assert table.iloc[0]["base_expected"] == "·a 60%"
    assert table.iloc[0]["tuned_probability"] == pytest.approx(0.25)


def test_the_file_holds_every_token_and_says_which_are_hidden(report: DivergenceReport) -> None:
    table = token_tables.token_table(report)
    assert len(table) == 8
    assert table["special"].sum() == 2 and table["template"].sum() == 1
    assert table["kl_full_nats"].isna().sum() == 2


def test_the_sentence_states_means_counts_and_what_is_left_out(report: DivergenceReport) -> None:
    words = token_tables.report_words(report, "full")
    assert words.startswith("0.72 nats on average over 5 tokens; 3 special and template tokens are left out.")
    assert "At the first answer token: 1.5 nats over 2 texts" in words
    nothing = make_report(PromptDivergence("x", (token("a", 0, None),)))
    assert token_tables.report_words(nothing, "full") == "There is no token to average over."


# --- figures -----------------------------------------------------------------------------------------------------


def test_offsets_count_from_the_first_answer_token(report: DivergenceReport) -> None:
    table = tokens.counted_table(report, "full")
    assert table[table["text_id"] == "one"]["offset"].tolist() == [-2, -1, 0]
    plain = make_report(PromptDivergence("x", (token("a", 0, None), token("b", 1), token("c", 2))))
    assert tokens.counted_table(plain, "full")["offset"].tolist() == [1, 2]


def test_bands_are_the_quartiles_over_texts(report: DivergenceReport) -> None:
    table = tokens.position_table(report, "full").set_index("offset")
    assert table.loc[0, ["n", "median", "low", "high", "largest"]].tolist() == [2, 1.5, 1.25, 1.75, 2.0]


def test_shares_of_each_part_add_up(report: DivergenceReport) -> None:
    table = tokens.spread_table(report, "full")
    assert table.groupby("part")["share"].sum().tolist() == pytest.approx([1.0, 1.0])
    assert bool((table["low"] < table["high"]).all())
    assert table["n"].sum() == 5


@pytest.mark.parametrize("draw", [tokens.by_position, tokens.spread])
def test_figures_name_measure_and_unit_and_survive_having_nothing(draw, report: DivergenceReport) -> None:  # type: ignore[no-untyped-def]
    assert "KL(tuned ‖ base)" in draw(report, "full").to_dict()["title"]["text"]
    draw(make_report(PromptDivergence("x", (token("a", 0, None),))), "full").to_dict()
