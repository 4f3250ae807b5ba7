"""What the knowledge engine is measured against: transformers' `generate`, and lm-eval.

Both get what helps them: prompts already encoded and sorted by length, the batch size found to be their best, and a
loaded model. Neither gets the restoring of a stop on its bill.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from analysis.language.load import LanguageModel

BATCH_SIZES = (32, 64, 128, 256, 512)
Tokens = list[tuple[int, ...]]


def generate(lm: LanguageModel, prompts: Sequence[Sequence[int]], batch_size: int, new_tokens: int = 16) -> Tokens:
    """Greedy answers by `generate`, left-padded batches sorted by length; token ids without EOS, in the given order."""
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    told: dict[int, tuple[int, ...]] = {}
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        out = _generate(lm, [prompts[row] for row in rows], new_tokens, do_sample=False)
        told.update(zip(rows, out, strict=True))
    return [told[row] for row in range(len(prompts))]


def sample(
    lm: LanguageModel, prompts: Sequence[Sequence[int]], batch_size: int, samples: int, temperature: float
) -> Tokens:
    """`samples` completions of each prompt (those of one prompt together) of at most 32 tokens, nothing cut off."""
    told: Tokens = []
    for start in range(0, len(prompts), batch_size):
        part = prompts[start : start + batch_size]
        drawn = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
        told += _generate(lm, part, 32, **drawn, num_return_sequences=samples)
    return told


def _generate(lm: LanguageModel, prompts: Sequence[Sequence[int]], new_tokens: int, **settings: Any) -> Tokens:
    import torch

    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    ends = {"eos_token_id": sorted(lm.eos_ids) or None, "pad_token_id": 0}
    with torch.inference_mode():
        out = lm.model.generate(ids, attention_mask=mask, max_new_tokens=new_tokens, **ends, **settings)
    return [_until_eos(row, lm.eos_ids) for row in out[:, longest:].tolist()]


def _until_eos(ids: Iterable[int], eos: frozenset[int]) -> tuple[int, ...]:
    kept: list[int] = []
    for token in ids:
        if token in eos:
            break
        kept.append(token)
    return tuple(kept)


def best_batch(run: Callable[[int], object], sizes: Sequence[int] = BATCH_SIZES) -> int:
    """The batch size with the shortest time; sizes within a quarter of the best are timed again, the better run counts.

    The first size is run once more, before all, to warm up.
    """
    run(sizes[0])
    seconds = {size: _seconds(partial(run, size)) for size in sizes}
    close = [size for size in sizes if seconds[size] <= 1.25 * min(seconds.values())]
    for size in close if len(close) > 1 else ():
        seconds[size] = min(seconds[size], _seconds(partial(run, size)))
    return min(seconds, key=lambda size: seconds[size])


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


class LmEval:
    """The same questions as an lm-eval task; the model and its wrapper, the task and its manager are made once."""

    def __init__(
        self, lm: LanguageModel, prompts: Sequence[str], answers: Sequence[Sequence[str]], batch: int, folder: Path
    ) -> None:
        import logging

        from lm_eval.models.huggingface import HFLM
        from lm_eval.tasks import TaskManager

        logging.getLogger("lm_eval").setLevel(logging.ERROR)
        rows = [{"prompt": prompt, "gold": list(gold)} for prompt, gold in zip(prompts, answers, strict=True)]
        file = folder / "closed_book.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        self._model = HFLM(pretrained=lm.model, tokenizer=lm.tokenizer, batch_size=batch, device="cpu")
        self._manager = TaskManager()
        self._task = {
            "task": "closed_book",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(file)}, "cache_dir": str(folder / "datasets")},
            "output_type": "generate_until",
            "test_split": "test",
            "doc_to_text": "{{prompt}}",
            "doc_to_target": "{{gold[0]}}",
            "target_delimiter": "",
            "generation_kwargs": {"until": [], "max_gen_toks": 16, "do_sample": False},
            "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
        }

    def __call__(self) -> list[str]:
        """One whole evaluation, without the bootstrap; the answers' texts in the order of the questions."""
        from lm_eval import simple_evaluate

        found = simple_evaluate(
            model=self._model, tasks=[self._task], task_manager=self._manager, bootstrap_iters=0, log_samples=True
        )
        samples = sorted(found["samples"]["closed_book"], key=lambda one: one["doc_id"])
        return [one["resps"][0][0] for one in samples]
