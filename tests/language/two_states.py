"""A tiny LLaMA in two states, its tokenizer, and its logits the plain way: shared by the tests of token-level work."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from analysis.language.load import LanguageModel


@dataclass
class TwoStates:
    """One resident model and the weights of its two states: what `diverge` needs to see of a pair."""

    lm: LanguageModel
    weights: dict[Any, dict[str, torch.Tensor]]
    entered: list[Any] = field(default_factory=list)

    def enter(self, state: Any) -> None:
        self.entered.append(state)
        self.lm.model.load_state_dict(self.weights[state])


def make_tokenizer(corpus: Sequence[str], specials: Sequence[str] = ("<s>", "</s>")) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=list(specials), initial_alphabet=alphabet, show_progress=False
    )
    plain.train_from_iterator(corpus, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=plain, bos_token="<s>", eos_token="</s>", extra_special_tokens=list(specials[2:])
    )


def make_pair(tokenizer: Any, **config: Any) -> TwoStates:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    shape |= {"max_position_embeddings": 64, "initializer_range": 0.4, "vocab_size": len(tokenizer)} | config
    model = LlamaForCausalLM(LlamaConfig(**shape)).eval()
    base = {name: value.clone() for name, value in model.state_dict().items()}
    tuned = {name: value + 0.05 * torch.randn_like(value) for name, value in base.items()}
    lm = LanguageModel(model, tokenizer, "cpu", "float32", Path(), frozenset({1}))
    return TwoStates(lm, {"base": base, "tuned": tuned})


def logits_of(pair: TwoStates, state: str, ids: Sequence[int]) -> torch.Tensor:
    """The plain way: the whole model, one text at a time, logits in float64."""
    pair.enter(state)
    with torch.inference_mode():
        return pair.lm.model(input_ids=torch.tensor([list(ids)])).logits[0].double()
