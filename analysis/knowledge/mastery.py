"""Mastery: how reliably the base states a fact by itself, by the paper's protocol (arXiv 2509.16596).

Each fact is put into its relation's statement templates (21) and completed 10 times at temperature 0.7 with at most 32
new tokens. R is the share of all completions that contain the object or an alias; level 0 is R = 0, level i is R in
((i-1)/4, i/4]. No top-k and no top-p cut the distribution. A completion already right is not continued: what follows
cannot take the object away. Does not know where results are kept; a store and a key are given.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from analysis.errors import QuestionError, SpecError
from analysis.knowledge.mastery_table import MasteryTable
from analysis.knowledge.prompts import encode_text
from analysis.knowledge.scoring import accepted_answers, contains
from analysis.knowledge.templates import TEMPLATES, check_templates, fill
from analysis.records import Progress, Question, ResultKey, ResultStore, Silent, Stored, check_cancelled

if TYPE_CHECKING:
    from analysis.language.load import LanguageModel
    from analysis.language.sample import Branches, Draws, Stop, Truths

BLOCK_FACTS = 32  # computed, stored and lost together
PROMPTS_A_PASS = {"cpu": 128, "mps": 256, "cuda": 1024}
SENTENCE_ENDS = frozenset(".!?\n")
Until = Literal["length", "sentence"]


@dataclass(frozen=True)
class Protocol:
    """How mastery is measured; the defaults are the paper's.

    `until` "sentence" also ends a completion after the first token that holds one of . ! ? or a line break, except for
    facts whose accepted answers hold one themselves ("St. Louis"). Temperature 0 is greedy decoding.
    """

    samples: int = 10
    temperature: float = 0.7
    max_new_tokens: int = 32
    seed: int = 0
    until: Until = "length"

    def __post_init__(self) -> None:
        counts = {"samples": self.samples, "max_new_tokens": self.max_new_tokens}
        problems = [f"{name} is {value}: give 1 or more" for name, value in counts.items() if value < 1]
        if not 0 <= self.temperature < math.inf:
            problems.append(f"temperature is {self.temperature}: give 0 (greedy) or more")
        if self.until not in ("length", "sentence"):
            problems.append(f"until is {self.until!r}: choose length or sentence")
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
    store: ResultStore | None = None,
    key: ResultKey | None = None,
    progress: Progress | None = None,
    batch_size: int | None = None,
) -> MasteryTable:
    """R and level of every fact, with its successes under each template; facts in the order given.

    The protocol's settings are described at `Protocol`; the defaults are the paper's.
    With a `store`, blocks of facts are kept under `key` (which names the model's weights) and what was measured, so
    that work cut short goes on where it was. `batch_size` is the number of prompts taken together. Raises QuestionError
    naming every fact without relation, subject or templates; LanguageError for prompts that do not fit the context.
    """
    protocol = Protocol(samples, temperature, max_new_tokens, seed, until)
    progress = progress or Silent()
    used = {name: tuple(templates[name]) for name in sorted({fact.relation or "" for fact in facts} & set(templates))}
    check_templates(used)
    _check(facts, used)
    prober = Prober(lm, used, protocol, batch_size or PROMPTS_A_PASS[lm.device.split(":")[0]])
    blocks: list[list[tuple[int, ...]]] = []
    watch = _Watch(progress, len(facts), protocol.samples)
    for start in range(0, len(facts), BLOCK_FACTS):
        check_cancelled(progress)
        block = facts[start : start + BLOCK_FACTS]
        successes = _remembered(prober, block, store, key, watch)
        watch.done(successes)
        blocks.append(successes)
    return MasteryTable.of(facts, [row for block in blocks for row in block], used, protocol)


class Prober:
    """One model under one protocol: facts in, successes by template out."""

    def __init__(
        self, lm: LanguageModel, templates: Mapping[str, tuple[str, ...]], protocol: Protocol, batch_size: int
    ) -> None:
        self.lm, self.templates, self.protocol, self._batch_size = lm, templates, protocol, batch_size
        self._decode = lru_cache(maxsize=1 << 17)(self._decode_now)
        self._ends = self._ending_tokens()

    def probe(self, facts: Sequence[Question], progress: Progress) -> list[tuple[int, ...]]:
        """For each fact, how many of the samples under each of its relation's templates hold the object.

        Asks at each new token whether anybody still wants to know, since a block may take minutes.
        """
        from analysis.language.sample import sample

        filled = [(n, fill(text, fact.subject or "")) for n, fact in enumerate(facts) for text in self._of(fact)]
        prompts = [encode_text(self.lm.tokenizer, text) for _, text in filled]
        draws = np.concatenate([self._draws(fact) for fact in facts])
        right = np.zeros(len(prompts), dtype=np.int64)
        lasts = [self._last_tokens(fact) for fact in facts]
        order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
        for first in range(0, len(order), self._batch_size):
            rows = np.array(order[first : first + self._batch_size])
            asked = [facts[filled[row][0]] for row in rows]
            judge = _Judge(asked, [lasts[filled[row][0]] for row in rows], self._ends, self._decode)
            chosen = [prompts[row] for row in rows]
            stop = _unless_cancelled(judge.finished, progress)
            for ended in sample(self.lm, chosen, draws[rows], temperature=self.protocol.temperature, stop=stop):
                np.add.at(right, rows[ended.prompt], ended.count * judge.right(ended))
        return _split(right, [len(self._of(fact)) for fact in facts])

    def _of(self, fact: Question) -> tuple[str, ...]:
        return self.templates[fact.relation or ""]

    def _draws(self, fact: Question) -> Draws:
        """The fact's own stream of uniform numbers: [templates, samples, new tokens], whoever else is measured."""
        name = f"{self.protocol.seed}\0{fact.relation}\0{fact.subject}\0{fact.id}"
        state = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=16).digest(), "little")
        shape = (len(self._of(fact)), self.protocol.samples, self.protocol.max_new_tokens)
        return np.random.default_rng(state).random(shape, dtype=np.float32)

    def _last_tokens(self, fact: Question) -> frozenset[int]:
        """The tokens an accepted answer may end with: where one is told it is worth looking at the text."""
        told = [form for answer in accepted_answers(fact) for form in (answer, f" {answer}")]
        encoded = self.lm.tokenizer(told, add_special_tokens=False)["input_ids"]
        return frozenset(ids[-1] for ids in encoded if ids)

    def _ending_tokens(self) -> Truths:
        size = max(len(self.lm.tokenizer), int(self.lm.model.config.get_text_config().vocab_size))
        ends = np.zeros(size, dtype=bool)
        if self.protocol.until == "sentence":
            pieces = self.lm.tokenizer.batch_decode([[token] for token in range(len(self.lm.tokenizer))])
            ends[: len(pieces)] = [bool(SENTENCE_ENDS & set(piece)) for piece in pieces]
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
        self, facts: list[Question], lasts: list[frozenset[int]], ends: Truths, decode: Callable[[bytes], str]
    ) -> None:
        self._facts, self._decode = facts, decode
        width = max(map(len, lasts), default=0)
        self._lasts = np.array([[*last, *[-1] * (width - len(last))] for last in lasts], dtype=np.int64)
        self._ends = ends
        self._cut = np.array([not any(SENTENCE_ENDS & set(form) for form in accepted_answers(fact)) for fact in facts])

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
        return np.array([contains(self._decode(ids.tobytes()), self._facts[row]) for row, ids in told], dtype=bool)


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
    asked = [
        (fact.id, fact.relation, fact.subject, accepted_answers(fact), prober.templates[fact.relation or ""])
        for fact in block
    ]
    digest = hashlib.blake2b(repr((asked, prober.protocol)).encode(), digest_size=16).hexdigest()
    return ResultKey("mastery-block", key.version, {**key.parts, "block": digest})


def _check(facts: Sequence[Question], templates: Mapping[str, tuple[str, ...]]) -> None:
    problems = list(_problems(facts, templates))
    if problems:
        shown = problems[:20] + ([f"and {len(problems) - 20} more"] if len(problems) > 20 else [])
        raise QuestionError("Mastery cannot be measured for these facts.", items=shown)


def _problems(facts: Sequence[Question], templates: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    if not facts:
        yield "there are no facts: give at least one question with its relation and subject"
    for fact in facts:
        if not fact.subject:
            yield f"{fact.id}: no subject could be read from {fact.question!r}"
        elif fact.relation not in templates:
            yield f"{fact.id}: no templates for the relation {fact.relation!r}"


def _split(values: Any, lengths: list[int]) -> list[tuple[int, ...]]:
    ends = np.cumsum(lengths)
    return [tuple(values[end - length : end].tolist()) for end, length in zip(ends, lengths, strict=True)]
