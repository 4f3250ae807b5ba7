"""Mastery: how reliably the base states a fact by itself, by the paper's protocol (arXiv 2509.16596).

Each fact is put into its relation's statement templates (21) and completed 10 times at temperature 0.7 with at most 32
new tokens. R is the share of all completions that contain the object or an alias; level 0 is R = 0, level i is R in
((i-1)/4, i/4]. No top-k and no top-p cut the distribution. A completion already right is not continued: what follows
cannot take the object away. Facts without templates are measured by the question form (forms.py), with R and levels by
the same thresholds and under its own name. Does not know where results are kept; a store and a key are given.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from analysis.errors import LanguageError, SpecError
from analysis.knowledge.forms import Form, Method, make_form
from analysis.knowledge.mastery_preview import with_odds
from analysis.knowledge.mastery_table import MasteryTable
from analysis.knowledge.prompts import encode_text
from analysis.knowledge.scoring import accepted_answers, contains
from analysis.knowledge.templates import TEMPLATES
from analysis.language.generate import context_length
from analysis.language.memory import fitting_rows
from analysis.records import Progress, Question, ResultKey, ResultStore, Silent, Stored, check_cancelled

if TYPE_CHECKING:
    from analysis.language.load import LanguageModel
    from analysis.language.sample import Branches, Draws, Integers, Stop, Truths

BLOCK_FACTS = 32  # computed, stored and lost together
PROMPTS_A_PASS = {"cpu": 128, "mps": 256, "cuda": 1024}
SENTENCE_ENDS = frozenset(".!?\n")
LINE_ENDS = frozenset("\n")
Until = Literal["length", "sentence", "line"]


@dataclass(frozen=True)
class Protocol:
    """How mastery is measured; the defaults are the paper's.

    `until` "sentence" also ends a completion after the first token that holds one of . ! ? or a line break, except for
    facts whose accepted answers hold one themselves ("St. Louis"); "line" ends it before its first line break, and is
    the question form's. Temperature 0 is greedy decoding. `preview_of`: these are so many of the samples that a full
    measurement takes of each statement, the first ones of the very same.
    """

    samples: int = 10
    temperature: float = 0.7
    max_new_tokens: int = 32
    seed: int = 0
    until: Until = "length"
    preview_of: int | None = None

    def __post_init__(self) -> None:
        counts = {"samples": self.samples, "max_new_tokens": self.max_new_tokens}
        problems = [f"{name} is {value}: give 1 or more" for name, value in counts.items() if value < 1]
        if not 0 <= self.temperature < math.inf:
            problems.append(f"temperature is {self.temperature}: give 0 (greedy) or more")
        if self.until not in get_args(Until):
            problems.append(f"until is {self.until!r}: choose one of {', '.join(get_args(Until))}")
        if self.preview_of is not None and self.preview_of <= self.samples:
            problems.append(f"preview_of is {self.preview_of}: a preview takes fewer samples, not {self.samples}")
        if problems:
            raise SpecError("Mastery cannot be measured as asked.", items=problems)


@dataclass(frozen=True)
class PartialMastery:
    """What is known while a measurement runs: facts by level so far, and completions a second."""

    levels: dict[int, int]
    completions_per_second: float


def level_of(share: float) -> int:
    """The mastery level of R in [0, 1]: 0 for R = 0, i for R in ((i-1)/4, i/4]. Raises SpecError outside.

    Four times a float is exact, so the boundaries are.
    """
    if not 0 <= share <= 1:
        raise SpecError(f"A share of right completions lies between 0 and 1, not {share}.")
    return math.ceil(4 * share)


def measure(
    lm: LanguageModel,
    facts: Sequence[Question],
    *,
    templates: Mapping[str, Sequence[str]] = TEMPLATES,
    samples: int = 10,
    temperature: float = 0.7,
    max_new_tokens: int = 32,
    seed: int = 0,
    until: Until = "length",
    preview_of: int | None = None,
    method: Method | Literal["auto"] = "auto",
    store: ResultStore | None = None,
    key: ResultKey | None = None,
    progress: Progress | None = None,
    batch_size: int | None = None,
) -> MasteryTable:
    """R and level of every fact, with its successes under each template; facts in the order given.

    The protocol's settings are described at `Protocol`; the defaults are the paper's.
    With a `store`, blocks of facts are kept under `key` (which names the model's weights) and what was measured, so
    that work cut short goes on where it was. `batch_size` is the number of prompts taken together. `method` "auto" is
    the paper's statements where every fact has them, the question form where none has (analysis.knowledge.forms).
    With `preview_of` the levels are the likeliest ones, with their odds (analysis.knowledge.mastery_preview).
    Raises QuestionError naming every fact that cannot be put so; LanguageError for prompts that do not fit the context.
    """
    form = make_form(facts, templates, method, seed)
    if form.method == "question form":
        until = "line"
    protocol = Protocol(samples, temperature, max_new_tokens, seed, until, preview_of)
    progress = progress or Silent()
    prober = Prober(lm, form, protocol, batch_size)
    blocks: list[list[tuple[int, ...]]] = []
    watch = _Watch(progress, len(facts), protocol.samples)
    for start in range(0, len(facts), BLOCK_FACTS):
        check_cancelled(progress)
        block = facts[start : start + BLOCK_FACTS]
        successes = _remembered(prober, block, store, key, watch)
        watch.done(successes)
        blocks.append(successes)
    found = [row for block in blocks for row in block]
    table = MasteryTable.of(facts, found, form.names, protocol, form.method)
    return table if preview_of is None else with_odds(table)


class Prober:
    """One model under one protocol: facts in, successes by template out."""

    def __init__(self, lm: LanguageModel, form: Form, protocol: Protocol, batch_size: int | None) -> None:
        self.lm, self.form, self.protocol, self._batch_size = lm, form, protocol, batch_size
        self._decode = lru_cache(maxsize=1 << 17)(self._decode_now)
        self._ends = self._ending_tokens()

    def probe(self, facts: Sequence[Question], progress: Progress) -> list[tuple[int, ...]]:
        """For each fact, how many of the samples of each of its texts hold the object.

        Asks at each new token whether anybody still wants to know, since a block may take minutes.
        """
        from analysis.language.sample import sample

        filled = [(n, text) for n, fact in enumerate(facts) for text in self.form.texts(fact)]
        prompts = [encode_text(self.lm.tokenizer, text) for _, text in filled]
        self._check_lengths([facts[n].id for n, _ in filled], prompts)
        draws = np.concatenate([self._draws(fact) for fact in facts])
        right = np.zeros(len(prompts), dtype=np.int64)
        lasts = [self._last_tokens(fact) for fact in facts]
        order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
        size = self._batch_size or self._fitting(max(map(len, prompts)))
        for first in range(0, len(order), size):
            rows = np.array(order[first : first + size])
            asked = [facts[filled[row][0]] for row in rows]
            judge = _Judge(asked, [lasts[filled[row][0]] for row in rows], self._ends, self._decode, self.protocol)
            chosen = [prompts[row] for row in rows]
            stop = _unless_cancelled(judge.finished, progress)
            for ended in sample(self.lm, chosen, draws[rows], temperature=self.protocol.temperature, stop=stop):
                np.add.at(right, rows[ended.prompt], ended.count * judge.right(ended))
        return _split(right, [len(self._names(fact)) for fact in facts])

    def _check_lengths(self, names: Sequence[str], prompts: Sequence[Sequence[int]]) -> None:
        context, new = context_length(self.lm), self.protocol.max_new_tokens
        told = zip(names, prompts, strict=True)
        wrong = [f"{name}: {len(ids)} tokens" for name, ids in told if not 0 < len(ids) <= context - new]
        if wrong:
            raise LanguageError(
                f"{len(set(wrong))} texts and {new} new tokens do not fit in the model's context of {context}, or are "
                "empty. Leave these facts out, or take fewer new tokens.",
                items=sorted(set(wrong))[:20],
            )

    def _names(self, fact: Question) -> tuple[str, ...]:
        return self.form.names[fact.relation or ""]

    def _fitting(self, longest: int) -> int:
        """Prompts taken together: what memory holds if every sample goes its own way, at least one."""
        rows = fitting_rows(self.lm, longest + self.protocol.max_new_tokens, 1) // self.protocol.samples
        return max(1, min(rows, PROMPTS_A_PASS[self.lm.device.split(":")[0]]))

    def _draws(self, fact: Question) -> Draws:
        """The fact's own stream of uniform numbers: [templates, samples, new tokens], whoever else is measured."""
        name = f"{self.protocol.seed}\0{fact.relation}\0{fact.subject}\0{fact.id}"
        state = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=16).digest(), "little")
        whole = self.protocol.preview_of or self.protocol.samples
        shape = (len(self._names(fact)), whole, self.protocol.max_new_tokens)
        return np.random.default_rng(state).random(shape, dtype=np.float32)[:, : self.protocol.samples]

    def _last_tokens(self, fact: Question) -> frozenset[int]:
        """The tokens an accepted answer may end with: where one is told it is worth looking at the text."""
        told = [form for answer in accepted_answers(fact) for form in (answer, f" {answer}")]
        encoded = self.lm.tokenizer(told, add_special_tokens=False)["input_ids"]
        return frozenset(ids[-1] for ids in encoded if ids)

    def _ending_tokens(self) -> Truths:
        size = max(len(self.lm.tokenizer), int(self.lm.model.config.get_text_config().vocab_size))
        ends = np.zeros(size, dtype=bool)
        if self.protocol.until != "length":
            signs = SENTENCE_ENDS if self.protocol.until == "sentence" else LINE_ENDS
            pieces = self.lm.tokenizer.batch_decode([[token] for token in range(len(self.lm.tokenizer))])
            ends[: len(pieces)] = [bool(signs & set(piece)) for piece in pieces]
        return ends

    def _decode_now(self, tokens: bytes) -> str:
        ids = np.frombuffer(tokens, dtype=np.int64).tolist()
        text = self.lm.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text)


def _unless_cancelled(stop: Stop, progress: Progress) -> Stop:
    def checked(rows: Branches) -> Truths:
        check_cancelled(progress)
        return stop(rows)

    return checked


class _Judge:
    """Which completions of one batch are right, and which need not go on."""

    def __init__(
        self,
        facts: list[Question],
        lasts: list[frozenset[int]],
        ends: Truths,
        decode: Callable[[bytes], str],
        protocol: Protocol,
    ) -> None:
        self._facts, self._decode, self._one_line = facts, decode, protocol.until == "line"
        width = max(map(len, lasts), default=0)
        self._lasts = np.array([[*last, *[-1] * (width - len(last))] for last in lasts], dtype=np.int64)
        self._ends = ends
        signs = LINE_ENDS if self._one_line else SENTENCE_ENDS
        self._cut = np.array([not any(signs & set(form) for form in accepted_answers(fact)) for fact in facts])

    def finished(self, rows: Branches) -> Truths:
        """Right already, or at the end of the sentence."""
        token = rows.tokens[:, -1]
        done: Truths = self._ends[token] & self._cut[rows.prompt]
        worth = (self._lasts[rows.prompt] == token[:, None]).any(axis=1) & ~done
        done[worth] = self.right(rows.where(worth))
        return done

    def right(self, rows: Branches) -> Truths:
        """Whether each completion holds the object or an alias."""
        told = zip(rows.prompt.tolist(), rows.tokens, strict=True)
        return np.array([contains(self._text(ids), self._facts[row]) for row, ids in told], dtype=bool)

    def _text(self, ids: Integers) -> str:
        text = self._decode(ids.tobytes())
        return text.split("\n", 1)[0] if self._one_line else text


class _Watch:
    """Counts what is done and tells it."""

    def __init__(self, progress: Progress, total: int, samples: int) -> None:
        self.progress, self._total, self._samples = progress, total, samples
        self._levels = dict.fromkeys(range(5), 0)
        self._fresh, self._seconds = 0, 0.0

    def computed(self, completions: int, seconds: float) -> None:
        """So many completions were sampled, not remembered."""
        self._fresh, self._seconds = self._fresh + completions, self._seconds + seconds

    def done(self, successes: list[tuple[int, ...]]) -> None:
        """One block more."""
        for row in successes:
            self._levels[level_of(sum(row) / (len(row) * self._samples))] += 1
        speed = self._fresh / self._seconds if self._seconds else 0.0
        done = sum(self._levels.values())
        note = f"{done:,} of {self._total:,} facts, {speed:,.0f} completions/s"
        self.progress.report(done, self._total, note, PartialMastery(dict(self._levels), speed))


def _remembered(
    prober: Prober, block: Sequence[Question], store: ResultStore | None, key: ResultKey | None, watch: _Watch
) -> list[tuple[int, ...]]:
    """The block's successes from the store, or measured now and put there."""
    name = None if store is None or key is None else _block_key(key, block, prober)
    stored = store.get(name) if store is not None and name is not None else None
    if stored is not None:
        return [tuple(row) for row in stored.document["successes"]]
    started = time.perf_counter()
    successes = prober.probe(block, watch.progress)
    watch.computed(sum(map(len, successes)) * prober.protocol.samples, time.perf_counter() - started)
    if store is not None and name is not None:
        store.put(name, Stored({"ids": [fact.id for fact in block], "successes": successes}))
    return successes


def _block_key(key: ResultKey, block: Sequence[Question], prober: Prober) -> ResultKey:
    asked = [(fact.id, fact.relation, fact.subject, accepted_answers(fact), prober.form.texts(fact)) for fact in block]
    digest = hashlib.blake2b(repr((asked, prober.protocol)).encode(), digest_size=16).hexdigest()
    return ResultKey("mastery-block", key.version, {**key.parts, "block": digest})


def _split(values: Any, lengths: list[int]) -> list[tuple[int, ...]]:
    ends = np.cumsum(lengths)
    return [tuple(values[end - length : end].tolist()) for end, length in zip(ends, lengths, strict=True)]
