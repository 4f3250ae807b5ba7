"""A tiny real pair on disk, questions to put to it, and the command line: shared by the tests of whole paths."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # tests never reach the network

RELATIONS = {"P19": "Where was {} born?", "P26": "Who is {} married to?"}
NAMES = ("Ann Lee", "Bo Cray", "Cy Dunn", "Di Eames", "Ed Fife", "Flo Gore", "Gus Hale", "Ida Ives")


Answer = tuple[int, dict[str, Any], str]  # exit code, the object on standard output, standard error
Palimpsest = Callable[..., Answer]


@pytest.fixture
def palimpsest_at(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Palimpsest]:
    """Runs `palimpsest WORDS` in this process on the store at a home folder: called with the home, then the words."""
    from analysis import cli

    def run(home: Path, *words: object) -> Answer:
        monkeypatch.setenv("PALIMPSEST_HOME", str(home))
        monkeypatch.setattr(sys, "argv", ["palimpsest", *map(str, words)])
        cli._workspace.cache_clear()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), json.loads(told.out) if told.out else {}, told.err

    yield run
    cli._workspace.cache_clear()  # the next test's store is another


@dataclass(frozen=True)
class TinyPair:
    """Two folders (LLaMA, 2 layers, bfloat16, tied embeddings) and a JSON lines file of 80 questions."""

    base: Path
    tuned: Path
    questions: Path
    prompts: Path


@pytest.fixture(scope="session")
def tiny_pair(tmp_path_factory: pytest.TempPathFactory) -> TinyPair:
    """Made once a run; treat it as read-only."""
    folder = tmp_path_factory.mktemp("pair")
    _write_models(folder)
    questions = folder / "questions.jsonl"
    questions.write_text("".join(json.dumps(question) + "\n" for question in _questions()))
    prompts = folder / "prompts.jsonl"
    prompts.write_text('{"text": "Ann Lee was born in"}\n{"prompt": "Where was Bo Cray born?", "answer": " Ann"}\n')
    return TinyPair(folder / "base", folder / "tuned", questions, prompts)


def _questions() -> list[dict[str, object]]:
    return [
        {
            "id": f"{relation}-{number}",
            "question": form.format(f"{NAMES[number % 8]} {number}"),
            "answers": ["a" if number % 3 else "Paris"],
            "relation": relation,
            "subject": f"{NAMES[number % 8]} {number}",
            "level": number % 5,
        }
        for relation, form in RELATIONS.items()
        for number in range(40)
    ]


def _write_models(folder: Path) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=128,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
        tie_word_embeddings=True,
        initializer_range=0.3,
    )
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    for name in ("base", "tuned"):
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
        with torch.no_grad():
            for parameter in model.parameters():
                touched = torch.rand(parameter.shape) < 0.5
                parameter.add_((torch.randn(parameter.shape) * 0.05 * touched).to(parameter.dtype))


def _tokenizer():  # type: ignore[no-untyped-def]
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    plain.train_from_iterator([str(question["question"]) for question in _questions()], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=plain, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
