"""Training the demo's base: its tokenizer, its token stream, and a LLaMA written out for speed on a CPU.

The forward pass below is LLaMA's (RMSNorm, RoPE, SwiGLU, tied embeddings; Touvron et al. 2023) over the very
parameters of a transformers model, which is what gets saved. It exists because a CPU spends most of the library's
step outside matrix products: products in bfloat16, attention as plain products, one compiled graph. Knows no facts.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.records import Progress, Silent, check_cancelled

if TYPE_CHECKING:
    import torch

BOS, EOS, PAD = "<s>", "</s>", "<pad>"
PROMPT_TOKENS = ("<|question|>", "<|answer|>")  # one token each, never seen in base training


@dataclass(frozen=True)
class BaseConfig:
    """Shape and training of the base. `row` is tokens a row, `batch` rows a step, `threads` of torch."""

    hidden: int = 192
    layers: int = 4
    heads: int = 3
    vocabulary: int = 2_560
    row: int = 128
    batch: int = 32
    cycles: tuple[int, ...] = (12, 5)  # passes over the corpus in each cosine cycle
    learning_rate: float = 2e-3
    weight_decay: float = 0.1
    threads: int = 2
    seed: int = 0
    compiled: bool = True

    @property
    def passes(self) -> int:
        """Passes over the corpus in all."""
        return sum(self.cycles)


@dataclass(frozen=True)
class BaseReport:
    """What the training did. `loss_nats` is the mean over the last fiftieth of the steps."""

    parameters: int
    tokens: int
    steps: int
    loss_nats: float
    seconds: float
    config: dict[str, Any]


def train_tokenizer(lines: Sequence[str], vocabulary: int) -> Any:
    """A byte-level BPE tokenizer (transformers' fast class) trained on the lines; BOS is added, EOS is not."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    core.decoder = decoders.ByteLevel()
    specials = [BOS, EOS, PAD, *PROMPT_TOKENS]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    core.train_from_iterator(lines, trainer)
    core.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, 0)])
    # The two prompt tokens are ordinary added tokens: visible in decoded text, like text in any other tokenizer.
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=BOS, eos_token=EOS, pad_token=PAD, clean_up_tokenization_spaces=False
    )


def pack(tokenizer: Any, lines: Sequence[str], row: int) -> torch.Tensor:
    """The lines as one stream of BOS line EOS, cut into rows of `row` + 1 tokens (int64); the remainder is left."""
    import torch

    encoded = tokenizer(list(lines))["input_ids"]
    stream = [token for ids in encoded for token in (*ids, tokenizer.eos_token_id)]
    rows = len(stream) // (row + 1)
    return torch.tensor(stream[: rows * (row + 1)]).view(rows, row + 1)


def new_model(config: BaseConfig, tokenizer: Any) -> Any:
    """A fresh LLaMA of this shape, in float32, seeded."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(config.seed)
    shape = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.hidden,
        intermediate_size=config.hidden * 8 // 3 // 32 * 32,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.heads,
        max_position_embeddings=2 * config.row,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(shape)


def loss_of(model: Any, row: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """The mean next-token loss (nats) of rows of `row` + 1 tokens, as a function that torch can compile."""
    import torch
    from torch.nn import functional

    heads = model.config.num_attention_heads
    width = model.config.hidden_size // heads
    turns = torch.arange(row)[:, None] / 10_000.0 ** (torch.arange(0, width, 2) / width)
    cosine, sine = (torch.cat([part, part], -1).bfloat16() for part in (turns.cos(), turns.sin()))
    future = torch.full((row, row), -1e9).triu(1).bfloat16()
    core, layers = model.model, model.model.layers

    def norm(hidden: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        scale = torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + 1e-5)
        return (weight * (hidden * scale)).bfloat16().flatten(0, 1)

    def product(inputs: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        return inputs @ torch.cat(weights).bfloat16().t()

    def rotate(states: torch.Tensor) -> torch.Tensor:
        left, right = states.chunk(2, -1)
        return states * cosine + torch.cat([-right, left], -1) * sine

    def attend(part: Any, inputs: torch.Tensor, rows: int) -> torch.Tensor:
        together = product(inputs, part.q_proj.weight, part.k_proj.weight, part.v_proj.weight)
        q, k, v = (each.transpose(1, 2) for each in together.view(rows, row, 3, heads, width).unbind(2))
        scores = (rotate(q) * width**-0.5) @ rotate(k).transpose(-1, -2)
        mixed = torch.softmax(scores.float() + future, -1).bfloat16() @ v
        return product(mixed.transpose(1, 2).reshape(rows * row, -1), part.o_proj.weight)

    def feed(part: Any, inputs: torch.Tensor) -> torch.Tensor:
        gate, up = product(inputs, part.gate_proj.weight, part.up_proj.weight).chunk(2, -1)
        return product(functional.silu(gate) * up, part.down_proj.weight)

    def loss(tokens: torch.Tensor) -> torch.Tensor:
        inputs, targets = tokens[:, :-1], tokens[:, 1:]
        hidden = functional.embedding(inputs, core.embed_tokens.weight)
        for layer in layers:
            mixed = attend(layer.self_attn, norm(hidden, layer.input_layernorm.weight), len(tokens))
            hidden = hidden + mixed.view_as(hidden)
            fed = feed(layer.mlp, norm(hidden, layer.post_attention_layernorm.weight))
            hidden = hidden + fed.view_as(hidden)
        logits = product(norm(hidden, core.norm.weight), core.embed_tokens.weight)
        return functional.cross_entropy(logits.float(), targets.flatten())

    return loss


def batches(
    tokenizer: Any, passes: Callable[[int], Sequence[str]], numbers: range, config: BaseConfig
) -> Iterator[tuple[int, torch.Tensor]]:
    """Every step's (pass number, rows): each pass's own lines, its rows shuffled, the last short batch left."""
    import torch

    for number in numbers:
        rows = pack(tokenizer, passes(number), config.row)
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(config.seed * 1_000 + number))
        for start in range(0, len(rows) - config.batch + 1, config.batch):
            yield number, rows[order[start : start + config.batch]]


def rate_at(done: float, peak: float) -> float:
    """Learning rate at a share `done` of the training: linear over the first 3%, then a cosine to a fiftieth."""
    if done < 0.03:
        return peak * done / 0.03
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (done - 0.03) / 0.97)))


def train_base(
    tokenizer: Any,
    passes: Callable[[int], Sequence[str]],
    config: BaseConfig,
    *,
    progress: Progress | None = None,
) -> tuple[Any, BaseReport]:
    """Train a fresh model on `config.passes` passes; `passes(number)` gives a pass's lines.

    Each cycle has its own cosine and a fresh optimizer (warm restarts, Loshchilov and Hutter 2017). Returns the model
    in float32 with values that bfloat16 holds, and what the training did. Raises Cancelled.
    """
    import torch

    torch.set_num_threads(config.threads)
    model = new_model(config, tokenizer)
    started, losses, first = time.perf_counter(), list[float](), 0
    for count in config.cycles:
        losses += train_cycle(model, tokenizer, passes, range(first, first + count), config, progress or Silent())
        first += count
    last = losses[-max(1, len(losses) // 50) :]
    seen = len(losses) * config.batch * config.row
    seconds = time.perf_counter() - started
    parameters = sum(p.numel() for p in model.parameters())
    return model, BaseReport(parameters, seen, len(losses), sum(last) / len(last), seconds, asdict(config))


def train_cycle(
    model: Any,
    tokenizer: Any,
    passes: Callable[[int], Sequence[str]],
    numbers: range,
    config: BaseConfig,
    progress: Progress,
) -> list[float]:
    """Train the model on these passes, one cosine from the peak rate down; ends rounded to bfloat16. Losses in nats."""
    import torch

    loss_fn = loss_of(model, config.row)
    step_fn = torch.compile(loss_fn) if config.compiled and _compiler() else loss_fn
    optimizer = _optimizer(model, config)
    estimate = len(pack(tokenizer, passes(numbers[0]), config.row)) // config.batch * len(numbers)
    losses: list[float] = []
    for step, (number, rows) in enumerate(batches(tokenizer, passes, numbers, config)):
        check_cancelled(progress)
        for group in optimizer.param_groups:
            group["lr"] = rate_at(min(1.0, (step + 1) / estimate), config.learning_rate)
        loss = step_fn(rows)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if step % 20 == 0:
            done = numbers[0] + step / estimate * len(numbers)
            progress.report(done, config.passes, f"pass {number + 1} of {config.passes}, loss {losses[-1]:.3f}")
    settle_prompt_tokens(model, tokenizer, config.seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.bfloat16())
    return losses


def _compiler() -> str | None:
    """The C++ compiler torch needs for a compiled graph; without one the same arithmetic runs, only slower."""
    return shutil.which(os.environ.get("CXX", "g++"))


def _optimizer(model: Any, config: BaseConfig) -> Any:
    import torch

    matrices = [p for p in model.parameters() if p.ndim == 2]
    vectors = [p for p in model.parameters() if p.ndim != 2]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.95), fused=True)


def settle_prompt_tokens(model: Any, tokenizer: Any, seed: int) -> None:
    """Draw the embeddings of the prompt's two tokens, which no text held, anew from the initial distribution.

    Training pushes every unseen row of a tied embedding the same way, which would leave the two all but equal.
    """
    import torch

    with torch.no_grad():
        table = model.get_input_embeddings().weight
        unseen = tokenizer.convert_tokens_to_ids([*PROMPT_TOKENS])
        generator = torch.Generator().manual_seed(seed)
        table[unseen] = torch.randn(2, table.shape[1], generator=generator) * model.config.initializer_range


def save_base(model: Any, tokenizer: Any, out: Path) -> None:
    """Write the base in bfloat16 with its tokenizer: a complete checkpoint folder."""
    import torch

    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)
