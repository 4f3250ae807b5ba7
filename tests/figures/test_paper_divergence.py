"""The paper's measurement on screen: its n, what was dropped, its interval; models of one base side by side."""

import dataclasses

import pytest

from analysis.figures import paper_divergence as figures
from analysis.language.paper_records import PaperDivergence, PaperRow, RelationDivergence
from analysis.records import Evaluation


def measured(mean: float | None = 2.0, n: int = 3) -> PaperDivergence:
    row = PaperRow("q", "P19", "\u202eAnn was born in", " Rome", 0, 2.0, 3.0, " Rome", 0.9, "<b>", 0.8, 0.1)
    return PaperDivergence(
        n=n,
        asked=5,
        dropped={"the answer does not come": 2},
        mean_kl_nats=mean,
        low=None if mean is None else mean - 0.5,
        high=None if mean is None else mean + 0.5,
        mean_kl_full_nats=mean,
        by_relation=(RelationDivergence("P19", "{subject} was born in", 0.9, n, mean),),
        rows=(row,),
        top=10,
        near=3,
        prompt="paper",
        state="tuned",
        dtype="float32",
        seconds=0.1,
    )


def evaluated(share: float) -> Evaluation:
    scores = ("contains", "contains_word", "contains_first_line", "exact_match")
    return Evaluation(
        n=100,
        prompt="paper",
        dtype="float32",
        rows=(),
        correct={name: round(100 * share) for name in scores},  # type: ignore[misc]
        accuracy=dict.fromkeys(scores, share),  # type: ignore[misc]
        wilson95=dict.fromkeys(scores, (share - 0.1, share + 0.1)),  # type: ignore[misc]
        by_domain={},
        seconds=0.1,
    )


def test_the_sentence_has_n_interval_direction_and_unit() -> None:
    words = figures.paper_words(measured())
    assert words.startswith("KL(tuned ‖ base) at the first answer token: 2 nats (95% interval over facts: 1.5 to 2.5)")
    assert "3 of 5 level-4 facts count" in words
    assert figures.paper_words(measured(None, 0)) == "Nothing to average: 0 of 5 level-4 facts count."


def test_what_became_of_the_facts_adds_up_to_all_asked() -> None:
    found = measured()
    assert figures.dropped_table(found)["facts"].sum() == found.asked


def test_facts_are_made_visible_before_they_are_shown() -> None:
    table = figures.fact_table(measured())
    assert "\u202e" not in "".join(table.iloc[0].astype(str))
    assert table.loc[0, "base_choice"] == "·Rome"


def test_relations_without_a_counted_fact_are_no_bar() -> None:
    table = figures.relation_table(measured(None, 0))
    assert table["n"].tolist() == [0]
    figures.by_relation(measured(None, 0)).to_dict()
    assert "by relation (nats)" in figures.by_relation(measured()).to_dict()["title"]["text"]


def test_a_correlation_needs_four_models_and_is_told_with_its_interval() -> None:
    falling = [figures.TunedModel(f"m{kl}", measured(float(kl)), evaluated(0.9 - 0.1 * kl)) for kl in (1, 2, 3, 4, 5)]
    assert "needs 4" in figures.correlation_words(falling[:3])
    assert figures.correlation_words(falling).startswith("rank correlation −1.00 (95%")
    unknown = [dataclasses.replace(model, evaluation=None) for model in falling]
    assert "0 tuned models" in figures.correlation_words(unknown)
    assert figures.model_table(unknown)["accuracy"].isna().all()
    figures.model_scatter(falling).to_dict()


@pytest.mark.parametrize("count", [0, 1])
def test_few_models_are_still_a_table(count: int) -> None:
    assert len(figures.model_table([figures.TunedModel("a", measured(), None)][:count])) == count
