"""Token by token divergence measured against bare forward passes of both models, in the same run.

    python -m benchmarks.divergence [--parts demo random memory] [--rounds 5] [--home FOLDER]

500 texts of exactly 32 tokens, demo pair and a random LLaMA of about nine million parameters, float32. Bare: both
states' forward passes with their logits, at the same batch size, weights in place beforehand. Ours: everything
`diverge` does from texts to records, entering both states included. Rounds alternate; ratios are medians of a round's
own, of wall and of CPU seconds (the machine may be shared). Then where the rest goes, part by part. Memory: one text of
2,048 positions over 128,256 tokens, ours against logits and log-probabilities of both states held whole, each in a
process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from analysis.language.divergence import CHUNK_LOGITS, LEAST_POSITIONS, diverge
from analysis.language.load import LanguageModel, let_waiting_threads_sleep
from analysis.language.measures import compare_logits
from analysis.language.projection import Projection, hidden_states
from analysis.language.token_records import Asked, make_prompt, make_report, uncollected
from analysis.language.tokens import TokenTexts, encode_texts
from analysis.language.visits import BATCH_TOKENS
from analysis.language.vocabulary import Vocabulary
from analysis.records import Text
from benchmarks._subjects import Subject, demo, random_llama
from benchmarks.knowledge import Seconds, timed

TEXTS, LENGTH = 500, 32
VOCABULARY, POSITIONS = 128_256, 2048
WANTED = {"kl": "at most 1.5", "all": "at most 2.5"}
NAMES = {"kl": "the contract's two KLs", "all": "every measure, ranks and alternatives"}
MEGABYTE = 1e6


@dataclass(frozen=True)
class Case:
    """A resident pair and its texts, already cut to ids of one length."""

    subject: Subject
    texts: tuple[Text, ...]
    ids: tuple[tuple[int, ...], ...]

    @property
    def lm(self) -> LanguageModel:
        """The resident model, in whatever state it is."""
        return self.subject.model.lm

    def batches(self) -> list[Sequence[Sequence[int]]]:
        """The ids as `diverge` batches them."""
        size = BATCH_TOKENS // LENGTH
        return [self.ids[at : at + size] for at in range(0, len(self.ids), size)]


def case(subject: Subject) -> Case:
    """500 texts of 32 tokens each, from the subject's questions in a row."""
    tokenizer: Any = subject.model.lm.tokenizer
    words = " ".join(question.question for question in subject.questions.questions).split()
    texts: list[Text] = []
    at = 0
    while len(texts) < TEXTS:
        text = _of_length(tokenizer, words, at % len(words))
        at += 7
        if text:
            texts.append(Text(str(len(texts)), text=text))
    encoded = encode_texts(tokenizer, texts, LENGTH)
    return Case(subject, tuple(texts), tuple(one.ids for one in encoded))


def _of_length(tokenizer: Any, words: Sequence[str], start: int) -> str | None:
    """Words from here on, as many as make up the length with BOS; None where no number of them does."""
    for count in range(1, LENGTH):
        text = " ".join(words[start : start + count])
        found = len(tokenizer(text, add_special_tokens=False)["input_ids"]) + 1
        if found >= LENGTH:
            return text if found == LENGTH else None
    return None


def bare(case: Case) -> None:
    """Two forward passes with their logits and nothing else."""
    import torch

    with torch.inference_mode():
        for _ in range(2):
            for batch in case.batches():
                case.lm.model(input_ids=torch.tensor(batch), use_cache=False)


def whole(case: Case, measures: Any) -> None:
    """What a person waits for, from texts to records."""
    diverge(case.subject.model, case.texts, measures=measures)


def against_bare(case: Case, rounds: int) -> list[str]:
    """A table's lines: bare passes, and both amounts of measures as ratios to them."""
    for measures in ("kl", "all"):
        whole(case, measures)  # compiled, and memory taken, before the clock
    found: dict[str, list[tuple[Seconds, Seconds]]] = {"kl": [], "all": []}
    for _ in range(rounds):
        theirs, _ = timed(lambda: bare(case))
        for measures, pairs in found.items():
            ours, _ = timed(partial(whole, case, measures))
            pairs.append((ours, theirs))
    lines = []
    for measures, pairs in found.items():
        walls = statistics.median(ours[0] / theirs[0] for ours, theirs in pairs)
        cpus = statistics.median(ours[1] / theirs[1] for ours, theirs in pairs)
        seconds = [statistics.median(side[0] for side in sides) for sides in zip(*pairs, strict=True)]
        name = f"{case.subject.name}: {NAMES[measures]}"
        lines.append(
            f"| {name} | {seconds[0]:.2f} | {seconds[1]:.2f} | {walls:.2f} | {cpus:.2f} | {WANTED[measures]} |"
        )
    return lines


def where_it_goes(case: Case, rounds: int) -> list[str]:
    """CPU seconds of each part by itself, and as a share of the two bare passes."""
    import torch

    lm, model = case.lm, case.subject.model
    head = Projection.of(lm)
    hidden = [hidden_states(lm, batch)[:, :-1].flatten(0, 1) for batch in case.batches()]
    step = max(LEAST_POSITIONS, CHUNK_LOGITS // head.vocabulary)
    chunks = [part for states in hidden for part in states.split(step)]
    logits = head(chunks[0])
    nearby = logits + 0.1 * torch.randn(logits.shape)
    actual = torch.zeros(len(logits), dtype=torch.long)
    positions = sum(len(part) for part in chunks)
    share = positions / len(logits)

    def states() -> None:
        for state in ("base", "tuned"):
            model.enter(state)

    def measure(measures: Any) -> None:
        compare_logits(logits, nearby, actual, top=10, direction="tuned-base", measures=measures)

    parts: dict[str, tuple[Callable[[], Any], float]] = {
        "both passes up to the last hidden states": (lambda: [hidden_states(lm, b) for b in case.batches()], 2),
        "both projections to the vocabulary": (lambda: [head(part) for part in chunks], 2),
        "the two KLs' arithmetic": (lambda: measure("kl"), share),
        "every measure's arithmetic": (lambda: measure("all"), share),
        "entering base and tuned": (states, 1),
        "texts to ids": (lambda: encode_texts(lm.tokenizer, case.texts, LENGTH), 1),
        "records of every measure": (lambda: _records(case), 1),
    }
    passes = _median_cpu(lambda: bare(case), rounds)
    lines = [f"| {case.subject.name}: two bare passes | {passes:.3f} | 1.00 |"]
    for name, (work, times) in parts.items():
        cpu = _median_cpu(work, rounds) * times
        lines.append(f"| {case.subject.name}: {name} | {cpu:.3f} | {cpu / passes:.2f} |")
    return lines


def _records(case: Case) -> None:
    """From arrays to the report, for random logits of a small vocabulary: the cost does not depend on its size."""
    import torch

    encoded = encode_texts(case.lm.tokenizer, case.texts, LENGTH)
    logits = torch.randn(LENGTH - 1, 64)
    found = compare_logits(logits, logits, torch.zeros(LENGTH - 1, dtype=torch.long), top=10, direction="tuned-base")
    namer = TokenTexts(case.lm.tokenizer)
    with uncollected():
        prompts = tuple(make_prompt(one, found, namer) for one in encoded)
        make_report(prompts, Asked(10, "tuned-base", "all"), ("tuned", "base"), Vocabulary(64), 0.0)


def _median_cpu(work: Callable[[], Any], rounds: int) -> float:
    work()
    return statistics.median(timed(work)[0][1] for _ in range(rounds))


def memory() -> list[str]:
    """Peak memory of one long text over a large vocabulary, ours against everything held whole."""
    lines = []
    for way, name in (("ours", "ours, every measure"), ("naive", "naive: logits and log-probabilities held whole")):
        command = [sys.executable, "-m", "benchmarks.divergence", "--child", way]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        told = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
        figures = json.loads(told.splitlines()[-1])
        lines.append(
            f"| {name} | {figures['bytes'] / MEGABYTE:,.0f} | {figures['seconds']:.1f} | {figures['kl']:.9f} |"
        )
    return lines


def _in_child(way: str) -> None:
    """One way, measured beyond what the loaded model takes; prints a JSON object."""
    import torch

    from analysis.weights.profile import peak_rss_bytes

    model = _long_model()
    ids = torch.randint(0, VOCABULARY, (POSITIONS,), generator=torch.Generator().manual_seed(0))
    _touch(model)
    before = _resident_bytes()
    seconds, kl = timed(lambda: _ours(model, ids) if way == "ours" else _naive(model, ids))
    print(json.dumps({"bytes": peak_rss_bytes() - before, "seconds": seconds[0], "kl": kl}))


def _resident_bytes() -> int:
    """Held at this moment; the peak may lie before it, so that what is told is an upper bound (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@dataclass
class _Drifting:
    """A model whose tuned state is its base with every hidden state scaled: two states for one set of weights."""

    lm: LanguageModel

    def enter(self, state: Any) -> None:
        """Base or tuned."""
        import torch

        with torch.no_grad():
            self.lm.model.model.norm.weight.fill_(1.0 if state == "base" else 1.1)


def _long_model() -> _Drifting:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    plain = Tokenizer(models.WordLevel({f"w{n}": n for n in range(VOCABULARY)}, unk_token="w0"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=POSITIONS,
        initializer_range=0.3,
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain)
    model = LlamaForCausalLM(config).eval()
    return _Drifting(LanguageModel(model, tokenizer, "cpu", "float32", Path(), frozenset()))


def _touch(model: _Drifting) -> None:
    """Compile and load what both ways need, on a text of two chunks."""
    diverge(model, [Text("short", text=" ".join(f"w{n}" for n in range(2 * LEAST_POSITIONS)))])


def _ours(model: _Drifting, ids: Any) -> float:
    text = Text("long", text=" ".join(f"w{n}" for n in ids.tolist()))
    return diverge(model, [text]).mean_kl_full_nats or 0.0


def _naive(model: _Drifting, ids: Any) -> float:
    """As it is written down: both states' logits, both log-probabilities, the products summed."""
    import torch

    sides = {}
    with torch.inference_mode():
        for state in ("base", "tuned"):
            model.enter(state)
            sides[state] = model.lm.model(input_ids=ids[None], use_cache=False).logits[0, :-1].log_softmax(-1)
        kl = (sides["tuned"].exp() * (sides["tuned"] - sides["base"])).sum(-1)
    return float(kl.mean())


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--parts", nargs="+", choices=("demo", "random", "memory"), default=("demo", "random", "memory")
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--home", type=Path, help="where the pairs are, or will be, prepared")
    parser.add_argument("--child", choices=("ours", "naive"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    let_waiting_threads_sleep()
    if asked.child:
        _in_child(asked.child)
        return
    ratios, parts = [], []
    with tempfile.TemporaryDirectory() as home:
        for name, make in (("demo", demo), ("random", random_llama)):
            if name in asked.parts:
                measured = case(make((asked.home or Path(home)) / name))
                ratios += against_bare(measured, asked.rounds)
                parts += where_it_goes(measured, asked.rounds)
    if ratios:
        print("| 500 texts of 32 tokens | ours s | two bare passes s | ratio | ratio of CPU | wanted |")
        print("|---|---|---|---|---|---|", *ratios, sep="\n")
        print("\n| where it goes | CPU s | share of the bare passes |", "|---|---|---|", *parts, sep="\n")
    if "memory" in asked.parts:
        print(
            f"\n| {POSITIONS:,} positions over {VOCABULARY:,} tokens | peak MB beyond the model | s | mean KL, nats |"
        )
        print("|---|---|---|---|", *memory(), sep="\n", flush=True)


if __name__ == "__main__":
    main()
