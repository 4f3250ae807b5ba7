"""A causal model in two halves: its last hidden states, and the projection of them to the vocabulary.

Hidden states are small (a hidden size a position) and logits are not (a vocabulary a position), so work over two
states of a model keeps the former and makes the latter chunk by chunk. Does not know texts or measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.errors import LanguageError

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.language.load import LanguageModel

TOLERANCE = 0.02  # of the largest logit; bf16 rounds at 0.004, a forgotten scale or cap is far off
CHECKED_TOKENS = 4


def hidden_states(lm: LanguageModel, ids: Sequence[Sequence[int]]) -> Tensor:
    """Last hidden states (rows, length, hidden) of rows of equal length, in the model's dtype and on its device."""
    import torch

    with torch.inference_mode():
        batch = torch.tensor(ids, device=lm.model.device)
        states: Tensor = lm.model.base_model(input_ids=batch, use_cache=False).last_hidden_state
    return states


@dataclass(frozen=True)
class Projection:
    """The vocabulary projection of a model, with what its architecture does to the logits afterwards."""

    weight: Tensor  # (vocabulary, hidden)
    bias: Tensor | None  # (vocabulary,)
    scale: float
    softcap: float | None

    @classmethod
    def of(cls, lm: LanguageModel) -> Projection:
        """The model's own tensors, not copied."""
        layer, config = lm.model.get_output_embeddings(), lm.model.config.get_text_config()
        scale = getattr(config, "logit_scale", None) or 1.0  # Cohere multiplies
        scale /= getattr(config, "logits_scaling", None) or 1.0  # Granite divides
        return cls(layer.weight, layer.bias, scale, getattr(config, "final_logit_softcapping", None))  # Gemma caps

    @property
    def vocabulary(self) -> int:
        """Rows of the projection."""
        return int(self.weight.shape[0])

    def copy(self) -> Projection:
        """The same projection, safe from the values of the next state."""
        bias = None if self.bias is None else self.bias.detach().clone()
        return Projection(self.weight.detach().clone(), bias, self.scale, self.softcap)

    def first_rows(self, count: int) -> Projection:
        """The projection to the first tokens of the vocabulary alone; not copied."""
        if count >= self.vocabulary:
            return self
        return Projection(
            self.weight[:count], None if self.bias is None else self.bias[:count], self.scale, self.softcap
        )

    def equal(self, other: Projection) -> bool:
        """Whether every value is the same."""
        import torch

        if (self.bias is None) != (other.bias is None) or not torch.equal(self.weight, other.weight):
            return False
        return self.bias is None or other.bias is None or torch.equal(self.bias, other.bias)

    def __call__(self, hidden: Tensor) -> Tensor:
        """Logits (..., vocabulary) of hidden states (..., hidden)."""
        import torch

        with torch.inference_mode():
            logits = torch.nn.functional.linear(hidden, self.weight, self.bias)
            if self.scale != 1.0:
                logits = logits * self.scale
            return logits if self.softcap is None else self.softcap * torch.tanh(logits / self.softcap)


def check_projection(lm: LanguageModel, ids: Sequence[int]) -> None:
    """Raise LanguageError for an architecture whose own logits are not this projection of its last hidden states."""
    import torch

    few = [list(ids[:CHECKED_TOKENS])]
    with torch.inference_mode():
        theirs = lm.model(input_ids=torch.tensor(few, device=lm.model.device), use_cache=False).logits.float()
    ours = Projection.of(lm)(hidden_states(lm, few)).float()
    if theirs.shape != ours.shape or bool((theirs - ours).abs().max() > TOLERANCE * theirs.abs().max()):
        raise LanguageError(
            f"{type(lm.model).__name__} turns its last hidden states into logits in a way this version does not "
            "know, so its tokens cannot be compared. LLaMA, Qwen, Mistral, Gemma, Phi, GPT-2, GPT-NeoX and OPT can."
        )
