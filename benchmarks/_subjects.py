"""The pairs the knowledge engine is measured on: the demo's, and a random LLaMA of about nine million parameters.

Both go the product's way: checkpoints on disk, one profile, a resident model that is put into each stop.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.knowledge.prompts import encode_prompts, resolve_prompt
from analysis.knowledge.questions import QuestionSet, load_questions
from analysis.records import PAPER_PERCENTS, RestoreSpec
from cache.models import PairModel

DEMO_STOPS = tuple(sorted({*PAPER_PERCENTS, *range(5, 45, 5)}))
RANDOM_STOPS = (10.0, 20.0, 40.0)
QUESTIONS = 500
PREFIX_TOKENS = 128
DRIFT = 0.001  # of a weight's own size: a tenth of the answers or so change from stop to stop
ENTITYQUESTIONS = "PALIMPSEST_ENTITYQUESTIONS"


@dataclass(frozen=True)
class Subject:
    """A resident pair in float32, the questions put to it, and its stops."""

    name: str
    model: PairModel
    questions: QuestionSet
    prompt: str
    stops: tuple[RestoreSpec, ...]

    @property
    def prompts(self) -> list[list[int]]:
        """Token ids of every question."""
        asked = [question.question for question in self.questions.questions]
        return encode_prompts(self.model.lm.tokenizer, resolve_prompt(self.prompt), asked)

    def texts(self) -> list[str]:
        """The same as text, without BOS."""
        template = resolve_prompt(self.prompt).template
        return [template.replace("{question}", question.question) for question in self.questions.questions]


def demo(home: Path, name: str = "level-0-1920", few_shot: bool = False) -> Subject:
    """The demo pair, prepared where it is not yet, with 500 of its test questions, both domains."""
    from analysis.demo.world import prepare

    world = prepare(home)
    pair = next(pair for pair in world.pairs if pair.name == name)
    questions = load_questions(world.questions, mastery=world.mastery, limit=QUESTIONS)
    model = _resident(pair.base, pair.tuned)
    prompt = _few_shot(model, load_questions(world.questions, split="train", limit=64)) if few_shot else "paper"
    return Subject("demo" + ", 128-token prefix" * few_shot, model, questions, prompt, _stops(DEMO_STOPS))


def random_llama(folder: Path, few_shot: bool = False) -> Subject:
    """A random LLaMA and the same moved a little, asked 500 questions of EntityQuestions (the demo's without it)."""
    source = _entityquestions()
    questions = load_questions(source, limit=QUESTIONS)
    if not (folder / "tuned").exists():
        _write_random(folder, [one.question for one in load_questions(source, split="dev", limit=4000).questions])
    model = _resident(folder / "base", folder / "tuned")
    prompt = _few_shot(model, load_questions(source, split="train", limit=64)) if few_shot else "paper"
    return Subject("random" + ", 128-token prefix" * few_shot, model, questions, prompt, _stops(RANDOM_STOPS))


def _entityquestions() -> Path:
    root = Path(__file__).parents[1]
    found = Path(os.environ.get(ENTITYQUESTIONS, root / "../shared/data/entityquestions/dataset.zip"))
    return found if found.exists() else root / "demo" / "questions.zip"


def _stops(percents: Sequence[float]) -> tuple[RestoreSpec, ...]:
    return tuple(RestoreSpec(percent) for percent in percents)


def _resident(base: Path, tuned: Path) -> PairModel:
    from analysis.language.load import load_model
    from analysis.weights.pair import open_pair
    from analysis.weights.profile import profile_pair

    pair = open_pair(base, tuned)
    profile = profile_pair(pair)
    return PairModel(load_model(tuned, dtype="float32", device="cpu"), pair, lambda _: profile)


def _few_shot(model: PairModel, shots: QuestionSet) -> str:
    """Examples in front of the question, as many as fill 128 tokens; cut there, wherever that falls."""
    tokenizer: Any = model.lm.tokenizer
    text = "\n".join(f"Question: {shot.question}\nAnswer: {shot.answers[0]}" for shot in shots.questions)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"][:PREFIX_TOKENS]
    return str(tokenizer.decode(ids)) + "\nQuestion: {question}\nAnswer:"


def _write_random(folder: Path, texts: Sequence[str]) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer(texts)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=704,
        num_hidden_layers=8,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=1,
        tie_word_embeddings=True,
        initializer_range=0.08,
    )
    model = LlamaForCausalLM(config)
    for name in ("base", "tuned"):
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(1 + DRIFT * torch.randn(parameter.shape))


def _tokenizer(texts: Sequence[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=8000, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet, show_progress=False
    )
    plain.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=plain, bos_token="<s>", eos_token="</s>")
