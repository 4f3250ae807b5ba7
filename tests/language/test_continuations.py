"""Two continuations: token for token what transformers generates, probabilities as plain passes give them."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from analysis.errors import LanguageError, SpecError
from analysis.language.continuations import align, compare_generation
from analysis.records import Text
from tests.language.two_states import TwoStates, logits_of, make_pair, make_tokenizer

PROMPTS = (Text("one", text="Ann Lee was"), Text("two", prompt="Where was Bo Cray born?", answer=" never looked at"))
NEW = 8


@pytest.fixture(scope="module")
def pair() -> TwoStates:
    tokenizer = make_tokenizer(["Where was Ann Lee born? Ann Lee was born in Paris.", "Bo Cray was born in Arvel"])
    return make_pair(tokenizer)


def generated(pair: TwoStates, state: str, ids: Sequence[int]) -> list[int]:
    pair.enter(state)
    asked = torch.tensor([list(ids)])
    with torch.inference_mode():
        whole = pair.lm.model.generate(
            asked, attention_mask=torch.ones_like(asked), max_new_tokens=NEW, do_sample=False, eos_token_id=1
        )
    return whole[0, len(ids) :].tolist()


def ids_of(pair: TwoStates, text: str) -> list[int]:
    return [0, *pair.lm.tokenizer(text, add_special_tokens=False)["input_ids"]]


def test_both_tell_what_transformers_generates_and_part_at_the_first_difference(pair: TwoStates) -> None:
    found = compare_generation(pair, PROMPTS, max_new_tokens=NEW)
    for text, one in zip(("Ann Lee was", "Where was Bo Cray born?"), found.prompts, strict=True):
        base, tuned = (generated(pair, state, ids_of(pair, text)) for state in ("base", "tuned"))
        assert [token.id for token in one.base] == base and [token.id for token in one.tuned] == tuned
        apart = [n for n, (there, here) in enumerate(zip(base, tuned, strict=False)) if there != here]
        assert one.parted_at == (apart[0] if apart else None)
        assert one.prompt == text
    assert found.parted == sum(one.parted_at is not None for one in found.prompts)
    assert found.parted > 0  # else the next test would look at nothing


def test_probabilities_are_those_of_whole_passes_and_the_others_end_where_they_part(pair: TwoStates) -> None:
    for one in compare_generation(pair, PROMPTS, max_new_tokens=NEW).prompts:
        asked = ids_of(pair, one.prompt)
        for own, tokens, other in (("base", one.base, "tuned"), ("tuned", one.tuned, "base")):
            text = [*asked, *(token.id for token in tokens)]
            here, there = (logits_of(pair, state, text)[len(asked) - 1 :].softmax(-1) for state in (own, other))
            for n, token in enumerate(tokens):
                assert token.probability == pytest.approx(float(here[n, token.id]), abs=1e-6)
                if one.parted_at is not None and n > one.parted_at:
                    assert token.other_probability is None and token.other_rank is None
                    continue
                assert token.other_probability == pytest.approx(float(there[n, token.id]), abs=1e-6)
                assert token.other_rank == 1 + int((there[n] > there[n, token.id]).sum())


def test_the_same_weights_never_part(pair: TwoStates) -> None:
    found = compare_generation(pair, PROMPTS, state="base", max_new_tokens=NEW)
    assert found.parted == 0
    for one in found.prompts:
        assert (one.parted_at, one.kl_nats) == (None, None)
        assert all(column.same for column in one.aligned)
        assert all(token.other_rank == 1 for token in one.base)


def test_an_end_of_text_told_is_the_last_token(pair: TwoStates) -> None:
    weights = {name: value.clone() for name, value in pair.weights["tuned"].items()}
    silent = TwoStates(pair.lm, {"base": pair.weights["base"], "tuned": weights})
    weights["lm_head.weight"] = torch.zeros_like(weights["lm_head.weight"])
    weights["lm_head.weight"][1:2] = torch.sign(direction(silent))
    (one,) = compare_generation(silent, PROMPTS[:1], max_new_tokens=NEW).prompts
    assert [(token.text, token.special) for token in one.tuned] == [("</s>", True)]
    assert (one.tuned_stopped, one.tuned_text, one.parted_at) == ("eos", "", 0)


def direction(pair: TwoStates) -> torch.Tensor:
    """The hidden state at the end of the first prompt: a head row along it is the likeliest."""
    pair.enter("tuned")
    with torch.inference_mode():
        states = pair.lm.model.base_model(input_ids=torch.tensor([ids_of(pair, "Ann Lee was")])).last_hidden_state
    return states[0, -1:]


def test_each_state_is_visited_once(pair: TwoStates) -> None:
    pair.entered.clear()
    compare_generation(pair, PROMPTS, max_new_tokens=2)
    assert pair.entered == ["base", "tuned"]


def test_prompts_that_are_empty_or_leave_no_room_are_named(pair: TwoStates) -> None:
    prompts = [Text("nothing", text=""), Text("full", text="born " * 60), *PROMPTS]
    with pytest.raises(LanguageError) as caught:
        compare_generation(pair, prompts, max_new_tokens=NEW)
    assert [item.split(":")[0] for item in caught.value.items] == ["nothing", "full"]
    with pytest.raises(SpecError):
        compare_generation(pair, PROMPTS, max_new_tokens=0)


tokens = some.lists(some.integers(0, 4), max_size=8)


@given(tokens, tokens)
def test_an_alignment_reads_as_both_texts_in_order(base: list[int], tuned: list[int]) -> None:
    columns = list(align(base, tuned))
    assert [column.base for column in columns if column.base is not None] == list(range(len(base)))
    assert [column.tuned for column in columns if column.tuned is not None] == list(range(len(tuned)))
    for column in columns:
        if column.same:
            assert base[column.base or 0] == tuned[column.tuned or 0]


def test_an_inserted_token_is_a_gap_on_the_other_side() -> None:
    columns = [(column.base, column.tuned, column.same) for column in align([1, 2, 3], [1, 9, 2, 3])]
    assert columns == [(0, 0, True), (None, 1, False), (1, 2, True), (2, 3, True)]
