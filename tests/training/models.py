"""A tiny base on disk and questions to fine-tune it on."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from analysis.knowledge.relations import RELATIONS
from analysis.records import Question

QUESTIONS = tuple(
    Question(
        f"{relation}-{n}", RELATIONS[relation].ask(f"Ada {n}"), ("Rome", "Roma"), relation, f"Ada {n}", level=n % 2
    )
    for relation in ("P19", "P20", "P36")
    for n in range(12)
)


def make_base(folder: Path, dtype: torch.dtype = torch.float32) -> Path:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=["<s>", "</s>", "<|question|>", "<|answer|>"])
    tokenizer.train_from_iterator([question.question for question in QUESTIONS], trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>").save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer.get_vocab()),
        **{"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4},
        **{"max_position_embeddings": 64, "bos_token_id": 0, "eos_token_id": 1, "tie_word_embeddings": True},
    )
    LlamaForCausalLM(config).to(dtype).save_pretrained(folder)
    return folder
