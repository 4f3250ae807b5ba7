"""Divergence against torch.distributions in float64, a hand-made model with one known disagreement, and bad input."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributions import Categorical, kl_divergence

from analysis.errors import Cancelled, LanguageError, SpecError
from analysis.language import divergence, visits
from analysis.language.divergence import diverge, diverge_three
from analysis.language.load import LanguageModel
from analysis.language.vocabulary import Vocabulary
from analysis.records import DivergenceReport, RestoreSpec, Silent, Text, TokenDivergence
from tests.language.two_states import TwoStates, logits_of, make_pair, make_tokenizer

TEXTS = (
    Text("plain", text="Ann Lee was born in Paris"),
    Text("asked", prompt="Where was Bo Cray born?", answer=" Paris"),
    Text("same length", text="Ann Lee was born in Paris"),
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return make_tokenizer(["Where was Ann Lee born? Ann Lee was born in Paris.", "Bo Cray was born in Arvel"])


@pytest.fixture
def pair(tokenizer: Any) -> TwoStates:
    return make_pair(tokenizer)


def measured(report: DivergenceReport) -> list[TokenDivergence]:
    return [token for prompt in report.prompts for token in prompt.tokens if token.position > 0]


# --- over a model ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["tuned-base", "base-tuned"])
def test_every_token_agrees_with_whole_forward_passes(pair: TwoStates, direction: str) -> None:
    report = diverge(pair, TEXTS, top=5, direction=direction)
    for prompt in report.prompts:
        ids = [token.id for token in prompt.tokens]
        base, tuned = (Categorical(logits=logits_of(pair, state, ids)[:-1]) for state in ("base", "tuned"))
        first, second = (tuned, base) if direction == "tuned-base" else (base, tuned)
        actual = torch.tensor(ids[1:])
        for token, kl, there, here in zip(
            prompt.tokens[1:],
            kl_divergence(first, second).tolist(),
            base.log_prob(actual).tolist(),
            tuned.log_prob(actual).tolist(),
            strict=True,
        ):
            assert token.kl_full_nats == pytest.approx(kl, abs=1e-6)
            assert token.base_logprob_nats == pytest.approx(there, abs=1e-5)
            assert token.tuned_logprob_nats == pytest.approx(here, abs=1e-5)
            assert token.flipped == (token.base_top[0].id != token.tuned_top[0].id)


def test_chunks_and_batches_of_any_size_give_the_same(pair: TwoStates, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = diverge(pair, TEXTS)
    monkeypatch.setattr(divergence, "CHUNK_LOGITS", 3 * len(pair.lm.tokenizer))
    monkeypatch.setattr(divergence, "LEAST_POSITIONS", 1)
    monkeypatch.setattr(visits, "BATCH_TOKENS", 1)
    for one, other in zip(measured(whole), measured(diverge(pair, TEXTS)), strict=True):
        assert one.kl_full_nats == pytest.approx(other.kl_full_nats, abs=1e-6)
        assert one.id == other.id


def test_identical_states_differ_by_exactly_nothing(pair: TwoStates) -> None:
    pair.weights["tuned"] = {name: value.clone() for name, value in pair.weights["base"].items()}
    report = diverge(pair, TEXTS)
    assert {(token.kl_full_nats, token.kl_top_nats, token.flipped) for token in measured(report)} == {(0.0, 0.0, False)}
    assert report.mean_kl_full_nats == 0.0


def test_the_value_stands_on_the_token_being_predicted(tokenizer: Any) -> None:
    """A model without attention or MLP predicts from the current token alone: change one token's prediction, and the
    disagreement must stand on the token after it and nowhere else."""
    pair = make_pair(tokenizer, num_hidden_layers=0, tie_word_embeddings=False)
    changed = tokenizer(" was", add_special_tokens=False)["input_ids"]
    assert len(changed) == 1
    tuned = {name: value.clone() for name, value in pair.weights["base"].items()}
    tuned["model.embed_tokens.weight"][changed[0]] *= -1
    pair.weights["tuned"] = tuned
    (prompt,) = diverge(pair, [TEXTS[0]]).prompts
    apart = [token.position for token in prompt.tokens if token.kl_full_nats]
    assert apart == [token.position + 1 for token in prompt.tokens if token.id == changed[0]]


def test_the_first_token_has_no_value_and_every_id_is_listed(pair: TwoStates) -> None:
    (prompt,) = diverge(pair, [TEXTS[0]]).prompts
    assert [token.position for token in prompt.tokens] == list(range(len(prompt.tokens)))
    assert prompt.tokens[0].text == "<s>" and prompt.tokens[0].special
    assert prompt.tokens[0].kl_full_nats is None and prompt.tokens[0].base_top == ()
    assert "".join(token.text for token in prompt.tokens[1:]) == TEXTS[0].text


def test_the_other_state_can_be_any_state(pair: TwoStates) -> None:
    swapped = diverge(pair, TEXTS, state="base", against="tuned")
    backwards = diverge(pair, TEXTS, direction="base-tuned")
    assert [t.kl_full_nats for t in measured(swapped)] == pytest.approx(
        [t.kl_full_nats for t in measured(backwards)], abs=1e-9
    )


def test_means_leave_out_what_is_no_content_and_count_it(tokenizer: Any) -> None:
    marked = make_tokenizer(["Where was Ann born? Ann was born in Paris"], ("<s>", "</s>", "<|question|>"))
    pair = make_pair(marked)
    text = Text("q", prompt="<|question|> Where was Ann born? <|answer|>", answer=" Paris")
    report = diverge(pair, [text])
    tokens = report.prompts[0].tokens
    assert report.special_hidden == 2  # BOS and <|question|>
    template = [token for token in tokens if token.template and not token.special]
    assert "".join(token.text for token in template) == " <|answer|>"
    assert report.template_hidden == len(template)
    kept = [token for token in tokens if token.part == "answer" or token.text.strip() in "Where was Ann born?"]
    kept = [token for token in kept if not token.template and not token.special]
    assert report.tokens_counted == len(kept)
    assert report.mean_kl_full_nats == pytest.approx(sum(token.kl_full_nats or 0 for token in kept) / len(kept))


def test_a_prompt_of_one_token_has_nothing_to_average() -> None:
    tokenizer = make_tokenizer(["Ann"])
    tokenizer.bos_token = None
    pair = make_pair(tokenizer)
    report = diverge(pair, [Text("one", text="a")])
    (token,) = report.prompts[0].tokens
    assert (token.text, token.position, token.kl_full_nats, token.flipped) == ("a", 0, None, None)
    assert (report.mean_kl_full_nats, report.mean_kl_top_nats, report.tokens_counted) == (None, None, 0)


def test_a_bos_written_out_is_not_doubled(pair: TwoStates) -> None:
    report = diverge(pair, [Text("with", text="<s>a"), Text("without", text="a")])
    assert [[token.text for token in prompt.tokens] for prompt in report.prompts] == [["<s>", "a"]] * 2


def test_architectures_that_reshape_their_logits_are_followed() -> None:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    tokenizer = make_tokenizer(["Ann Lee was born in Paris"])
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        final_logit_softcapping=0.5,
        initializer_range=1.0,
    )
    model = Gemma2ForCausalLM(config).eval()
    base = {name: value.clone() for name, value in model.state_dict().items()}
    tuned = {name: value + 0.2 * torch.randn_like(value) for name, value in base.items()}
    lm = LanguageModel(model, tokenizer, "cpu", "float32", Path(), frozenset())
    pair = TwoStates(lm, {"base": base, "tuned": tuned})
    (prompt,) = diverge(pair, [TEXTS[0]]).prompts
    ids = [token.id for token in prompt.tokens]
    base_side, tuned_side = (Categorical(logits=logits_of(pair, state, ids)[:-1]) for state in ("base", "tuned"))
    expected = kl_divergence(tuned_side, base_side).tolist()
    assert [token.kl_full_nats for token in prompt.tokens[1:]] == pytest.approx(expected, abs=1e-6)


def test_every_further_number_agrees_with_whole_forward_passes(pair: TwoStates) -> None:
    (prompt,) = diverge(pair, [TEXTS[0]]).prompts
    ids = [token.id for token in prompt.tokens]
    base, tuned = (Categorical(logits=logits_of(pair, state, ids)[:-1]) for state in ("base", "tuned"))
    mean = Categorical(probs=(base.probs + tuned.probs) / 2)
    for n, token in enumerate(prompt.tokens[1:]):
        assert token.kl_reverse_nats == pytest.approx(float(kl_divergence(base, tuned)[n]), abs=1e-6)
        js = (kl_divergence(base, mean)[n] + kl_divergence(tuned, mean)[n]) / 2
        assert token.js_nats == pytest.approx(float(js), abs=1e-6)
        assert token.entropy_change_nats == pytest.approx(float(tuned.entropy()[n] - base.entropy()[n]), abs=1e-5)
        there, here = base.log_prob(torch.tensor(token.id))[n], tuned.log_prob(torch.tensor(token.id))[n]
        assert token.log_prob_change_nats == pytest.approx(float(here - there), abs=1e-5)
        assert token.base_rank == 1 + int((base.logits[n] > base.logits[n, token.id]).sum())
        assert token.tuned_rank == 1 + int((tuned.logits[n] > tuned.logits[n, token.id]).sum())
        assert [other.id for other in token.base_top] == base.logits[n].topk(5).indices.tolist()
        for other in token.base_top:
            assert other.probability == pytest.approx(float(base.probs[n, other.id]), abs=1e-6)
            assert other.other_probability == pytest.approx(float(tuned.probs[n, other.id]), abs=1e-6)
            assert other.other_rank == 1 + int((tuned.logits[n] > tuned.logits[n, other.id]).sum())


def test_means_are_over_the_counted_tokens(pair: TwoStates) -> None:
    report = diverge(pair, TEXTS)
    counted = [token for token in measured(report) if token.counted]
    for name in ("js_nats", "kl_reverse_nats", "entropy_change_nats", "log_prob_change_nats"):
        mean = sum(getattr(token, name) for token in counted) / len(counted)
        assert getattr(report, f"mean_{name}") == pytest.approx(mean)
    assert report.flipped_fraction == sum(bool(token.flipped) for token in counted) / len(counted)


def test_asked_for_the_kls_alone_nothing_else_is_told(pair: TwoStates) -> None:
    few, every = diverge(pair, TEXTS, measures="kl"), diverge(pair, TEXTS)
    for one, other in zip(measured(few), measured(every), strict=True):
        assert one.kl_full_nats == pytest.approx(other.kl_full_nats, abs=1e-12)
        assert one.kl_top_nats == pytest.approx(other.kl_top_nats, abs=1e-12)
        assert (one.js_nats, one.base_rank, one.tuned_top, one.flipped) == (None, None, (), None)
    assert (few.mean_js_nats, few.flipped_fraction) == (None, None)


def test_three_states_are_each_visited_once_and_compared_as_in_twos(pair: TwoStates) -> None:
    spec = RestoreSpec(50)
    both = zip(pair.weights["base"].items(), pair.weights["tuned"].values(), strict=True)
    pair.weights[spec] = {name: (there + here) / 2 for (name, there), here in both}
    three = diverge_three(pair, TEXTS, spec)
    visited = [state for n, state in enumerate(pair.entered) if state != pair.entered[n - 1] or n == 0]
    assert visited == ["base", "tuned", spec]
    for found, state, against in (
        (three.restored_base, spec, "base"),
        (three.restored_tuned, spec, "tuned"),
        (three.tuned_base, "tuned", "base"),
    ):
        alone = diverge(pair, TEXTS, state=state, against=against)
        assert (found.state, found.against) == (alone.state, alone.against)
        for one, other in zip(measured(found), measured(alone), strict=True):
            assert one.kl_full_nats == pytest.approx(other.kl_full_nats, abs=1e-6)
            assert one.tuned_top[0].id == other.tuned_top[0].id


def test_only_rows_that_both_models_have_are_compared(pair: TwoStates) -> None:
    rows = 300
    report = diverge(pair, [TEXTS[0]], vocabulary=Vocabulary(rows, {"base": 0, "tuned": len(pair.lm.tokenizer) - rows}))
    (prompt,) = report.prompts
    ids = [token.id for token in prompt.tokens]
    base, tuned = (Categorical(logits=logits_of(pair, state, ids)[:-1, :rows]) for state in ("base", "tuned"))
    expected = kl_divergence(tuned, base).tolist()
    assert [token.kl_full_nats for token in prompt.tokens[1:]] == pytest.approx(expected, abs=1e-6)
    assert (report.vocabulary, report.rows_left_out["tuned"]) == (rows, len(pair.lm.tokenizer) - rows)


def test_a_token_only_one_model_knows_is_refused(pair: TwoStates) -> None:
    with pytest.raises(LanguageError, match="only one of the models knows") as caught:
        diverge(pair, TEXTS, vocabulary=Vocabulary(100, {"base": 0, "tuned": 1}))
    assert caught.value.items[0].startswith("plain: token ")


# --- bad input -------------------------------------------------------------------------------------------------


def test_empty_and_overlong_texts_are_all_named_at_once(pair: TwoStates) -> None:
    texts = [Text("nothing", text=""), TEXTS[0], Text("no prompt"), Text("long", text="born " * 80)]
    with pytest.raises(LanguageError) as caught:
        diverge(pair, texts)
    named = "\n".join(caught.value.items)
    assert all(word in named for word in ("nothing: empty", "no prompt: empty", "long: ", "the model reads 64"))
    assert "plain" not in named


def test_no_text_at_all_is_refused(pair: TwoStates) -> None:
    with pytest.raises(LanguageError, match="no text was given"):
        diverge(pair, [])


def test_tokenizers_that_cut_texts_differently_are_refused(pair: TwoStates) -> None:
    other = make_tokenizer(["xyz"])

    class OtherTokenizer(TwoStates):
        def enter(self, state: Any) -> None:
            super().enter(state)
            if state == "tuned":
                self.lm = LanguageModel(self.lm.model, other, "cpu", "float32", Path(), frozenset())

    with pytest.raises(LanguageError, match="tokenizers of the two models disagree") as caught:
        diverge(OtherTokenizer(pair.lm, pair.weights), TEXTS)
    assert caught.value.items == ("plain", "asked", "same length")


def test_weights_that_are_no_numbers_are_refused(pair: TwoStates) -> None:
    pair.weights["tuned"]["model.norm.weight"][0] = math.nan
    with pytest.raises(LanguageError, match="NaN"):
        diverge(pair, TEXTS)


@pytest.mark.parametrize("setting", [{"top": 0}, {"direction": "sideways"}])
def test_settings_outside_their_range_are_refused(pair: TwoStates, setting: dict[str, Any]) -> None:
    with pytest.raises(SpecError):
        diverge(pair, TEXTS, **setting)


def test_a_cancelled_comparison_stops(pair: TwoStates) -> None:
    class Unwanted(Silent):
        def cancelled(self) -> bool:
            return True

    with pytest.raises(Cancelled):
        diverge(pair, TEXTS, progress=Unwanted())
