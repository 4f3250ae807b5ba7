"""The reading view's data, the colour scale, token tables and figures: what stands on screen is what was measured."""

import base64
import json
import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats

from analysis.figures import token_facts, token_mass, token_tables, tokens
from analysis.figures.heat import CLASSES, COLOURS, INKS, SIGNED_CLASSES, SIGNED_COLOURS, SIGNED_INKS, heat_scale
from analysis.figures.packed import KINDS
from analysis.figures.reading import Shown, reading, texts_within
from analysis.figures.token_columns import ANSWER, FLIPPED, SPECIAL, TEMPLATE, TokenColumns
from analysis.figures.token_groups import grouped
from analysis.figures.token_intervals import mean_by_text
from analysis.figures.token_measures import MEASURES, Measure, measure_name, measure_words
from analysis.figures.token_types import expected_kind, kind_of
from analysis.figures.visible import spoken, visible
from analysis.records import Alternative, DivergenceReport, PromptDivergence, Question, TokenDivergence

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


@pytest.fixture
def columns(report: DivergenceReport) -> TokenColumns:
    return TokenColumns.of(report)


def of(*prompts: PromptDivergence) -> TokenColumns:
    return TokenColumns.of(make_report(*prompts))


def unpacked(data: dict[str, Any], name: str) -> list[float]:
    """A packed column as the browser reads it."""
    column = data["columns"][name]
    array = np.frombuffer(base64.b64decode(column["data"]), np.dtype(f"<{KINDS[column['kind']]}"))
    return [float(value) for value in array]


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


@pytest.mark.parametrize("paper", ["light", "dark"])
def test_a_signed_scale_is_readable_and_falls_away_from_zero_to_both_sides(paper: str) -> None:
    colours, inks = SIGNED_COLOURS[paper], SIGNED_INKS[paper]  # type: ignore[index]
    steps, middle = [luminance(colour) for colour in colours], SIGNED_CLASSES // 2
    assert len(steps) == len(inks) == SIGNED_CLASSES
    for side in (steps[: middle + 1], steps[middle:][::-1]):
        assert side == sorted(side, reverse=paper == "dark")
    for colour, ink in zip(colours, inks, strict=True):
        low, high = sorted((luminance(colour), luminance(ink)))
        assert (high + 0.05) / (low + 0.05) >= 4.5


@pytest.mark.parametrize("spacing", ["linear", "log"])
def test_a_signed_scale_is_symmetric_with_zero_in_its_middle_class(spacing: str) -> None:
    scale = heat_scale([-2.0, 0.5], spacing=spacing, signed=True)  # type: ignore[arg-type]
    assert list(scale.edges) == pytest.approx([-edge for edge in reversed(scale.edges)])
    found = scale.colour_classes([-9.0, -2.0, 0.0, 2.0, 9.0, math.nan]).tolist()
    assert found == [0, 0, SIGNED_CLASSES // 2, SIGNED_CLASSES - 1, SIGNED_CLASSES - 1, -1]


@given(some.lists(some.floats(-50, 50), max_size=30), some.booleans(), some.sampled_from(["linear", "log"]))
def test_classes_of_many_are_the_classes_of_each(values: list[float], signed: bool, spacing: str) -> None:
    scale = heat_scale(values, signed=signed, spacing=spacing)  # type: ignore[arg-type]
    assert scale.colour_classes(values).tolist() == [scale.colour_class(value) for value in values]


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


def test_one_scale_serves_all_texts_and_leaves_out_what_is_no_content(columns: TokenColumns) -> None:
    data = reading(columns)
    assert data["scale"]["edges"][-1] == 2.0  # not the 9 of the template token
    assert unpacked(data, "classes") == [-1, 0, 1, -1, 11, -1, 1, 6]
    assert data["hidden"] == {"special": 2, "template": 1}


def test_each_text_can_have_a_scale_of_its_own(columns: TokenColumns) -> None:
    data = reading(columns, Shown(sharing="each"))
    assert [text["top"] for text in data["texts"]] == [2.0, 1.0]
    assert unpacked(data, "classes") == [-1, 0, 1, -1, 11, -1, 2, 11]
    assert not data["scale"]["shared"]


def test_a_limit_keeps_the_scale_of_all_texts(report: DivergenceReport) -> None:
    turned = TokenColumns.of(replace(report, prompts=report.prompts[::-1]))
    data = reading(turned, limit=1)
    assert [text["id"] for text in data["texts"]] == ["two"]
    assert data["scale"] == reading(turned)["scale"]
    assert data["hidden"] == {"special": 1, "template": 0}
    assert len(unpacked(data, "ids")) == 3


def test_a_budget_of_tokens_holds_whole_texts_and_the_one_that_is_needed(columns: TokenColumns) -> None:
    assert [texts_within(columns, budget) for budget in (1, 5, 7, 8)] == [1, 1, 1, 2]
    assert texts_within(columns, 1, needed="two") == 2


def test_flags_means_and_alternatives_cross_as_they_are(columns: TokenColumns) -> None:
    data = reading(columns, titles={"one": "Where?"})
    text = data["texts"][0]
    assert (text["title"], text["start"], text["end"]) == ("Where?", 0, 5)
    assert (text["counted"], text["mean"]) == (3, pytest.approx(0.8))
    assert unpacked(data, "flags")[:5] == [SPECIAL, FLIPPED, FLIPPED, TEMPLATE | FLIPPED, ANSWER | FLIPPED]
    assert unpacked(data, "base_ids")[20:25] == [1, 2, -1, -1, -1]
    assert unpacked(data, "base_shares")[20:22] == pytest.approx([0.6, 0.2])
    assert unpacked(data, "base_ids")[:5] == [-1] * 5


def test_the_measure_shown_is_named_with_its_direction(report: DivergenceReport) -> None:
    assert reading(TokenColumns.of(report))["title"] == "KL(tuned ‖ base), full vocabulary"
    restored = TokenColumns.of(replace(report, state="restored"))
    top = reading(restored, Shown("kl_top_nats"))
    assert top["title"] == "KL(restored ‖ base), restored model's 10 likeliest tokens"
    assert top["scale"]["edges"][-1] == 1.0
    assert reading(restored, Shown("kl_reverse_nats"))["title"] == "KL(base ‖ restored), full vocabulary"
    turned = TokenColumns.of(replace(report, direction="base-tuned"))
    assert reading(turned)["title"] == "KL(base ‖ tuned), full vocabulary"


def test_a_signed_measure_has_the_diverging_colours(columns: TokenColumns) -> None:
    data = reading(columns, Shown("log_prob_change_nats"))
    assert data["signed"] and len(data["colours"]["light"]) == SIGNED_CLASSES
    assert unpacked(data, "log_prob_change_nats")[1] == pytest.approx(math.log(0.5))
    assert unpacked(data, "classes")[1] == 0  # every token fell alike: the far end below zero


def test_other_comparisons_of_the_same_texts_cross_by_their_names(columns: TokenColumns) -> None:
    data = reading(columns, beside={"KL(restored ‖ tuned)": columns})
    entry = data["card"][-1]
    assert entry == {"label": "KL(restored ‖ tuned)", "unit": "nats", "column": "beside-0"}
    assert unpacked(data, "beside-0")[1:3] == pytest.approx([0.1, 0.3])


def test_every_measure_says_its_unit_range_and_direction(report: DivergenceReport) -> None:
    for measure in MEASURES:
        words = measure_words(report, measure)
        assert "Unit:" in words and "range:" in words and "{" not in words + measure_name(report, measure)


def test_hostile_tokens_cross_as_plain_strings() -> None:
    found = of(PromptDivergence("x", tuple(token(text, at) for at, text in enumerate(HOSTILE, 1))))
    data = json.loads(json.dumps(reading(found)))
    assert data["pieces"][str(sum(map(ord, HOSTILE[0])))] == [HOSTILE[0]]
    assert not any("\u202e" in piece or "\x00" in piece for pieces in data["pieces"].values() for piece in pieces)


def test_pieces_of_a_character_say_which_character_they_make() -> None:
    parts = ("ok", " <0xF0><0x9F>", "<0x98>", "<0x80>", "!", "<0xFF>")
    first = PromptDivergence("x", tuple(token(text, at) for at, text in enumerate(parts)))
    second = PromptDivergence("y", (token("<0x80>", 0),))  # bytes of another text belong to no run before it
    assert reading(of(first, second))["whole"] == {"1": "😀", "2": "😀", "3": "😀"}


# --- words, sentences, kinds ---------------------------------------------------------------------------------------


def groups_of(*texts: str, grain: str) -> list[list[str]]:
    found = of(PromptDivergence("x", tuple(token(text, at) for at, text in enumerate(texts))))
    parts: dict[int, list[str]] = {}
    for group, text in zip(grouped(found, grain).tolist(), texts, strict=True):  # type: ignore[arg-type]
        parts.setdefault(group, []).append(text)
    return list(parts.values())


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ((" Par", "is", " is", "."), [[" Par", "is"], [" is"], ["."]]),
        (("don", "'t"), [["don", "'t"]]),
        (("a", " ", "b"), [["a"], [" "], ["b"]]),
        (("京", "都"), [["京"], ["都"]]),
        ((" <0xF0><0x9F>", "<0x98><0x80>", "x"), [[" <0xF0><0x9F>", "<0x98><0x80>"], ["x"]]),
        (("3", ".", "5"), [["3"], ["."], ["5"]]),
        (("נ", "מ"), [["נ", "מ"]]),
    ],
)
def test_words_begin_at_spaces_punctuation_and_scripts_without_spaces(texts: tuple[str, ...], words: list[Any]) -> None:
    assert groups_of(*texts, grain="word") == words


def test_sentences_end_behind_their_mark_and_before_a_space() -> None:
    found = groups_of(
        "He", " left", ".", '"', " She", " had", " 3", ".", "5", "?", "\n", "No", "。", "完", grain="sentence"
    )
    assert ["".join(part) for part in found] == ['He left."', " She had 3.5?\n", "No。", "完"]


def test_a_words_value_is_the_mean_over_its_counted_tokens() -> None:
    parts = (token("<s>", 0, None, special=True), token(" Pa", 1, 1.0), token("ris", 2, 3.0), token("!", 3, 9.0))
    found = of(PromptDivergence("x", parts))
    data = reading(found, Shown(grain="word"))
    assert unpacked(data, "value")[1:] == [2.0, 2.0, 9.0]
    assert unpacked(data, "groups") == [0, 1, 1, 3]
    assert unpacked(data, "kl_full_nats")[1:] == [1.0, 3.0, 9.0]  # a token's own value stays its own


def test_a_word_ends_where_the_answer_begins() -> None:
    found = of(PromptDivergence("x", (token("ab", 0), token("cd", 1, part="answer"))))
    assert grouped(found, "word").tolist() == [0, 1]


@given(some.lists(some.text(max_size=4), min_size=1, max_size=12), some.sampled_from(["token", "word", "sentence"]))
def test_groups_are_runs_that_begin_with_their_own_row(texts: list[str], grain: str) -> None:
    found = of(PromptDivergence("x", tuple(token(text, at) for at, text in enumerate(texts))))
    groups = grouped(found, grain)  # type: ignore[arg-type]
    assert (groups[groups] == groups).all() and (np.diff(groups) >= 0).all() and (groups <= np.arange(len(texts))).all()


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        (" Paris", "entity"),
        ("1984", "entity"),
        (" the", "function word"),
        ("Who", "function word"),
        (" born", "other word"),
        ("?", "punctuation"),
        ("<|answer|>", "format"),
        ("</s>", "format"),
        ("\n", "format"),
        ("", "format"),
        ("<0xF0>", "other word"),
    ],
)
def test_kinds_go_by_the_look_of_the_word(word: str, kind: str) -> None:
    assert kind_of(word) == kind


def test_an_expected_token_that_continues_a_word_is_judged_with_it() -> None:
    assert (expected_kind(" Par", "is"), expected_kind(" Par", " is")) == ("entity", "function word")
    assert expected_kind("", "is") == "function word"


def test_shares_by_kind_add_up_and_template_tokens_are_format(columns: TokenColumns) -> None:
    table = token_mass.kind_table(columns, "kl_full_nats").set_index("kind")
    assert table["n"].to_dict() == {"entity": 2, "function word": 2, "other word": 0, "punctuation": 1, "format": 1}
    assert table["share"].sum() == pytest.approx(1.0)
    assert table.loc["format", "share"] == pytest.approx(9.0 / 12.6)
    assert ((table["low"] <= table["share"]) & (table["share"] <= table["high"])).all()


def test_probability_by_kind_is_each_models_own_and_leaves_the_rest(columns: TokenColumns) -> None:
    table = token_mass.mass_table(columns, "first").set_index("kind")
    assert set(table["n"]) == {2}
    assert table.loc["function word", "base"] == pytest.approx(0.6)  # " a"; " b" is another word
    assert table.loc["other word", "tuned"] == pytest.approx(0.7)
    assert table.loc[token_mass.UNLISTED, "change"] == pytest.approx(0.0, abs=1e-12)
    assert table[["base", "tuned"]].sum().tolist() == pytest.approx([1.0, 1.0])


def test_the_verdict_says_only_what_the_intervals_carry() -> None:
    def told(entity: tuple[float, float], layout: tuple[float, float]) -> str:
        table = pd.DataFrame({"kind": ["entity", "format"], "n": 50, "low": [entity[0], layout[0]]})
        table = table.assign(high=[entity[1], layout[1]], change=lambda rows: (rows["low"] + rows["high"]) / 2)
        return token_mass.mass_words(table, "first", "base", "tuned")

    assert "it does here" in told((-0.3, -0.1), (0.1, 0.3))
    assert "does not show" in told((-0.3, 0.1), (0.1, 0.3))
    assert "the other way" in told((0.1, 0.3), (-0.3, -0.1))


def test_an_interval_over_texts_is_the_t_interval_where_each_text_has_one_token() -> None:
    values = np.array([1.0, 2.0, 4.0, 7.0])
    found = mean_by_text(values, np.arange(4))
    low, high = stats.t.interval(0.95, 3, values.mean(), values.std(ddof=1) / 2)
    assert (found.low[0], found.high[0]) == pytest.approx((low, high), rel=1e-12)
    assert math.isnan(mean_by_text(values, np.zeros(4, int)).low[0])  # one text says nothing of others


# --- tables ------------------------------------------------------------------------------------------------------


def test_means_stand_with_their_counts(columns: TokenColumns) -> None:
    table = token_tables.means_table(columns, "kl_full_nats").set_index("part")
    assert table["n"].to_dict() == {"Prompt": 3, "Answer": 2, "First answer token": 2, "All counted tokens": 5}
    assert table["mean"].to_dict() == pytest.approx(
        {"Prompt": 0.2, "Answer": 1.5, "First answer token": 1.5, "All counted tokens": 0.72}
    )
    assert set(table["first_choice_differs"]) == {1.0} and set(table["texts"]) == {2}


def test_a_part_without_tokens_is_missing_not_zero() -> None:
    table = token_tables.means_table(of(PromptDivergence("x", (token("a", 1),))), "kl_full_nats").set_index("part")
    assert table.loc["Answer", "n"] == 0 and math.isnan(table.loc["Answer", "mean"])


def test_the_largest_disagreements_come_first_with_their_context(columns: TokenColumns) -> None:
    table = token_tables.ranked_tokens(columns, "kl_full_nats", {"one": "Where?"}, limit=2)
    assert table["value"].tolist() == [2.0, 1.0]
    assert table.iloc[0][["token", "kind", "before", "after", "text", "text_id", "position"]].tolist() == (
        ["·Paris", "entity", "Where?", "", "Where?", "one", 4]
    )
    assert table.iloc[0]["base_expected"] == "·a 60%"
    assert table.iloc[0]["tuned_probability"] == pytest.approx(0.25)


def test_the_ranking_of_one_kind_holds_no_other(columns: TokenColumns) -> None:
    assert set(token_tables.ranked_tokens(columns, "kl_full_nats", kind="entity")["token"]) == {"·Paris", "·Bo"}
    assert token_tables.ranked_tokens(columns, "kl_full_nats", kind="other word").empty


def test_the_file_holds_every_token_and_says_which_are_hidden(columns: TokenColumns) -> None:
    table = token_tables.token_table(columns)
    assert len(table) == 8
    assert table["special"].sum() == 2 and table["template"].sum() == 1
    assert table["kl_full_nats"].isna().sum() == 2


def test_the_sentence_states_means_counts_and_what_is_left_out(columns: TokenColumns) -> None:
    words = token_tables.report_words(columns, "kl_full_nats")
    assert words.startswith("0.72 nats on average over 5 tokens (95% interval over 2 texts: ")
    assert "; 3 special and template tokens are left out." in words
    assert "At the first answer token: 1.5 nats over 2 texts" in words
    nothing = of(PromptDivergence("x", (token("a", 0, None),)))
    assert token_tables.report_words(nothing, "kl_full_nats") == "There is no token to average over."


def test_the_sentence_says_which_vocabulary_rows_were_left_out(report: DivergenceReport) -> None:
    more = TokenColumns.of(replace(report, vocabulary=1000, rows_left_out={"base": 0, "tuned": 64}))
    assert "over the 1,000 vocabulary rows both models have; 64 of tuned are left out" in token_tables.report_words(
        more, "kl_full_nats"
    )


# --- figures -----------------------------------------------------------------------------------------------------


def test_offsets_count_from_the_first_answer_token(columns: TokenColumns) -> None:
    table = tokens.counted_table(columns, "kl_full_nats")
    assert table[table["text_id"] == "one"]["offset"].tolist() == [-2, -1, 0]
    assert table[table["text_id"] == "two"]["offset"].tolist() == [-1, 0]
    plain = of(PromptDivergence("x", (token("a", 0, None), token("b", 1), token("c", 2))))
    assert tokens.counted_table(plain, "kl_full_nats")["offset"].tolist() == [1, 2]


def test_bands_are_the_quartiles_over_texts(columns: TokenColumns) -> None:
    table = tokens.position_table(columns, "kl_full_nats").set_index("offset")
    assert table.loc[0, ["n", "median", "low", "high", "largest"]].tolist() == [2, 1.5, 1.25, 1.75, 2.0]


@pytest.mark.parametrize("measure", ["kl_full_nats", "log_prob_change_nats", "flipped"])
def test_shares_of_each_part_add_up(columns: TokenColumns, measure: Measure) -> None:
    table = tokens.spread_table(columns, measure)
    assert table.groupby("part")["share"].sum().tolist() == pytest.approx([1.0, 1.0])
    assert bool((table["low"] < table["high"]).all())
    assert table["n"].sum() == 5


@pytest.mark.parametrize("draw", [tokens.by_position, tokens.spread])
def test_figures_name_measure_and_unit_and_survive_having_nothing(draw, columns: TokenColumns) -> None:  # type: ignore[no-untyped-def]
    assert "KL(tuned ‖ base)" in draw(columns, "kl_full_nats").to_dict()["title"]["text"]
    for measure in ("kl_full_nats", "log_prob_change_nats"):
        draw(of(PromptDivergence("x", (token("a", 0, None),))), measure).to_dict()


def test_means_by_relation_and_level_leave_out_what_is_not_known(columns: TokenColumns) -> None:
    asked = {"one": Question("one", "Where?", ("Paris",), relation="P19", level=4)}
    table = token_facts.fact_table(columns, "kl_full_nats", asked, "level", "first")
    assert table[["group", "n", "texts", "mean"]].values.tolist() == [["4", 1, 1, 2.0]]
    figure = token_facts.fact_figure(table, columns, "kl_full_nats", "level", "first").to_dict()
    assert "by mastery level (nats)" in figure["title"]["text"]
    assert token_facts.fact_table(columns, "kl_full_nats", {}, "relation", "first").empty


def test_states_stand_under_one_another_on_the_same_texts(columns: TokenColumns) -> None:
    table = token_facts.state_table(
        {"KL(restored ‖ base)": columns, "KL(tuned ‖ base)": columns}, "kl_full_nats", "all"
    )
    assert table["group"].tolist() == ["KL(restored ‖ base)", "KL(tuned ‖ base)"]
    assert table["n"].tolist() == [5, 5]
    token_facts.state_figure(table, "kl_full_nats", "all").to_dict()


def group(name: str, mean: float, low: float, high: float) -> dict[str, Any]:
    return {"group": name, "n": 40, "texts": 20, "mean": mean, "low": low, "high": high}


def test_groups_are_put_in_an_order_only_where_their_intervals_tell_them_apart() -> None:
    apart = pd.DataFrame([group("a", 1.0, 0.8, 1.2), group("b", 2.0, 1.8, 2.2), group("c", 3.0, 2.8, 3.2)])
    words = token_facts.fact_words(apart, "relation")
    assert "highest c (3 [2.8 to 3.2], n = 40), lowest a (1 [0.8 to 1.2], n = 40)" in words
    assert "do not meet. They are the extremes of 3" in words
    near = token_facts.fact_words(apart.assign(low=0.5, high=3.5), "relation")
    assert near.endswith("overlap: the order of the two is not shown.")
    few = token_facts.fact_words(apart.assign(low=math.nan, high=math.nan), "relation")
    assert few.endswith("no order is shown.") and "[" not in few


def test_states_are_told_with_their_intervals_and_what_these_do_not_say() -> None:
    table = pd.DataFrame([group("KL(tuned ‖ base)", 2.0, 1.8, 2.2), group("KL(restored ‖ base)", 1.0, 0.8, 1.2)])
    words = token_facts.state_words(table, "kl_full_nats", "first")
    assert "KL(tuned ‖ base) 2 [1.8 to 2.2]; KL(restored ‖ base) 1 [0.8 to 1.2]" in words
    assert "n = 40 tokens of 20 texts" in words and "may still differ" in words


def test_the_spread_is_told_with_medians_means_and_their_intervals(columns: TokenColumns) -> None:
    words = tokens.spread_words(columns, "kl_full_nats")
    assert "prompt: median" in words and "answer: median" in words
    counted = int(columns.counted.sum())
    told = [int(part.split(" tokens of ")[0].rsplit(" ", 1)[1]) for part in words.split("; ")]
    assert sum(told) == counted and "Brackets: 95% intervals over texts" in words


def test_a_ranking_and_the_kinds_are_told_without_claiming_an_average(columns: TokenColumns) -> None:
    table = token_tables.ranked_tokens(columns, "kl_full_nats", {}, 3)
    words = token_tables.ranked_words(table, columns, "kl_full_nats", None)
    assert words.startswith(f"The {len(table)} largest disagreements of") and "not what is usual" in words
    kinds = token_mass.kind_table(columns, "kl_full_nats")
    told = token_tables.kind_words(kinds, "kl_full_nats")
    assert told.count(" of tokens") == int((kinds["n"] > 0).sum()) and "Brackets: 95% intervals" in told
