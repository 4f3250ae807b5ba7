"""A fine-tuning step measured against a bare PyTorch loop: same data, same order, same settings, in the same run.

    python -m benchmarks.training [--facts 480] [--rounds 5] [--threads 1]

Ours is what `palimpsest sft` does between loading the base and saving: Trainer set up and run, with the loss curve,
progress and checkpoints switched on. The bare loop is forward, backward, clip, fused AdamW, cosine; that both end at
the same weights is checked. Rounds alternate; medians, CPU seconds in brackets (the machine may be shared). The
variants are measured beside them, each against the plain bare loop.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from analysis.demo.world import LEARNING_RATE, SHIPPED, DemoFiles
from analysis.knowledge.prompts import encode_example, resolve_prompt
from analysis.language.load import LanguageModel, let_waiting_threads_sleep, load_model
from analysis.records import Silent
from analysis.training.asked import training_questions
from analysis.training.facts import draw_facts
from analysis.training.resuming import resumable
from analysis.training.settings import CLIP_NORM, WEIGHT_DECAY, Settings
from analysis.training.sft import CHECKPOINT_SECONDS, cpu_threads
from analysis.training.trainer import Sample, Saving, pad_right, train
from analysis.training.variants import VARIANT_NAMES, Variant

WANTED = 1.3
Seconds = tuple[float, float]  # wall, CPU


def main() -> None:
    """Print one line a way of training."""
    options = argparse.ArgumentParser()
    options.add_argument("--facts", type=int, default=480)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--threads", type=int, default=1)
    asked = options.parse_args()
    let_waiting_threads_sleep()
    with cpu_threads(asked.threads):
        samples = demo_samples(asked.facts)
        steps = math.ceil(len(samples) / Settings().batch_size)
        print(f"{len(samples)} facts, {steps} steps, demo base, {asked.threads} thread(s); ms a step (CPU in brackets)")
        print("\n| way | ours | bare loop | ratio, wall | ratio, CPU | wanted |\n|---|---|---|---|---|---|")
        for name in VARIANT_NAMES:
            rounds = asked.rounds if name == "sft" else max(1, asked.rounds // 2)
            print(line(Variant(name), samples, steps, rounds), flush=True)
        print(f"\nLargest difference of a weight between ours (sft) and the bare loop: {difference(samples):.1e}")


def line(variant: Variant, samples: list[Sample], steps: int, rounds: int) -> str:
    """One row of the table."""
    ours(variant, samples[:8])  # imports, kernels chosen
    pairs = [(timed(lambda lm: ours(variant, samples, lm)), timed(lambda lm: bare(lm, samples))) for _ in range(rounds)]
    cells = [
        " ".join(_each(1000 * statistics.median(pair[side][kind] for pair in pairs) / steps, kind) for kind in (0, 1))
        for side in (0, 1)
    ]
    ratios = [statistics.median(pair[0][kind] / pair[1][kind] for pair in pairs) for kind in (0, 1)]
    wanted = f"{WANTED}" if variant.name == "sft" else "told"
    return f"| {variant} | {cells[0]} | {cells[1]} | {ratios[0]:.2f} | {ratios[1]:.2f} | {wanted} |"


def _each(milliseconds: float, kind: int) -> str:
    return f"({milliseconds:.1f})" if kind else f"{milliseconds:.1f}"


def timed(work: Callable[[LanguageModel], Any]) -> Seconds:
    """Wall and CPU seconds of work on a freshly loaded base, loading left out."""
    lm = fresh_base()
    wall, cpu = time.perf_counter(), time.process_time()
    work(lm)
    return time.perf_counter() - wall, time.process_time() - cpu


def demo_samples(count: int) -> list[Sample]:
    """Encoded level-0 facts of the demo."""
    files = DemoFiles(SHIPPED)
    lm, prompt = fresh_base(), resolve_prompt("paper")
    facts = draw_facts(training_questions(files.questions, files.mastery), size=count, level=0)
    return [Sample(*encode_example(lm.tokenizer, prompt, fact.question, fact.answers[0])) for fact in facts]


def fresh_base() -> LanguageModel:
    """The demo's base in float32 on the processor."""
    return load_model(DemoFiles(SHIPPED).base, dtype="float32", device="cpu")


def ours(variant: Variant, samples: list[Sample], lm: LanguageModel | None = None) -> LanguageModel:
    """Fine-tune as the product does, checkpoints as often as there."""
    lm = lm or fresh_base()
    settings = Settings(learning_rate=LEARNING_RATE, variant=variant)
    with tempfile.TemporaryDirectory() as home, resumable(Path(home) / "out", {}, resume=False) as place:
        train(lm, samples, settings, Silent(), Saving(place, CHECKPOINT_SECONDS))
    return lm


def bare(lm: LanguageModel, samples: list[Sample]) -> LanguageModel:
    """The same in plain PyTorch."""
    import torch

    settings = Settings(learning_rate=LEARNING_RATE)
    model = lm.model.requires_grad_(True).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=WEIGHT_DECAY, fused=True)
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(settings.seed)).tolist()
    starts = range(0, len(order), settings.batch_size)
    for step, start in enumerate(starts):
        rate = settings.learning_rate * 0.5 * (1 + math.cos(math.pi * step / len(starts)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = pad_right([samples[place] for place in order[start : start + settings.batch_size]])
        model(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        optimizer.zero_grad()
    return lm


def difference(samples: list[Sample]) -> float:
    """Largest absolute difference of any weight between both."""
    one, other = (lm.model.state_dict() for lm in (ours(Variant(), samples), bare(fresh_base(), samples)))
    return max(float((one[name] - other[name]).abs().max()) for name in one)


if __name__ == "__main__":
    main()
