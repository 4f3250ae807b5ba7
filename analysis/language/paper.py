"""The paper's measurement: how far the tuned model's first answer token lies from the base's (arXiv 2509.16596, 4).

Over facts of mastery level 4. The tuned model is asked the question in its prompt and looked at where its answer
begins. The base, which never saw the question format, is given the statement that elicits its relation best, completes
it greedily, and is looked at where the accepted answer begins in that completion. Only completions that begin the
answer within the first `near` tokens count: further on, the base would be answering to its own words. KL: the tuned
model's ten largest logits, the base's logits of the same tokens, each set softmaxed on its own.

Does not know files, stores or how mastery is measured.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import QuestionError
from analysis.knowledge.prompts import Prompt, encode_prompts
from analysis.knowledge.templates import fill
from analysis.language.measures import Disagreement, compare_logits
from analysis.language.paper_cases import NEAR, Case, Statement, ask_base
from analysis.language.paper_records import PaperDivergence, PaperRow, RelationDivergence
from analysis.language.projection import Projection, check_projection
from analysis.language.token_records import state_name
from analysis.language.tokens import TokenTexts
from analysis.language.visits import ModelState, State, hidden_rows
from analysis.language.vocabulary import Vocabulary
from analysis.records import Progress, Question, Silent

if TYPE_CHECKING:
    from torch import Tensor

LEVEL = 4
RESAMPLES = 10_000
CHUNK_LOGITS = 2**20


def measure_paper(
    pairmodel: ModelState,
    facts: Sequence[Question],
    statements: Mapping[str, Statement],
    prompt: Prompt,
    *,
    state: State = "tuned",
    top: int = 10,
    near: int = NEAR,
    vocabulary: Vocabulary | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> PaperDivergence:
    """KL(tuned || base) at the first answer token, over these level-4 facts; each state is visited once.

    `statements` by relation; `near` >= 1 tokens of the base's completion in which the answer must begin; `seed` of the
    bootstrap. Raises QuestionError without facts of level 4, LanguageError for models that cannot be looked into.
    """
    started = time.perf_counter()
    _check_facts(facts)
    progress = progress or Silent()
    progress.report(0, 2, "Completing the base's best statements")
    pairmodel.enter("base")
    cases, dropped = ask_base(pairmodel.lm, facts, statements, prompt, near, progress)
    base_head, base_hidden = _look(pairmodel, [case.ids for case in cases], progress)
    base_head = base_head.copy()
    progress.report(1, 2, "Asking the questions")
    pairmodel.enter(state)
    asked = encode_prompts(pairmodel.lm.tokenizer, prompt, [case.fact.question for case in cases])
    head, hidden = _look(pairmodel, asked, progress)
    shared = vocabulary or Vocabulary(head.vocabulary)
    heads = (base_head.first_rows(shared.compared), head.first_rows(shared.compared))
    found = _compare(heads, (base_hidden, hidden), top)
    namer = TokenTexts(pairmodel.lm.tokenizer)
    rows = tuple(_row(case, statements, found, n, namer) for n, case in enumerate(cases)) if found else ()
    kls = [row.kl_nats for row in rows]
    low, high = bootstrap_mean(kls, seed)
    return PaperDivergence(
        n=len(rows),
        asked=len(facts),
        dropped=dict(dropped),
        mean_kl_nats=_mean(kls),
        low=low,
        high=high,
        mean_kl_full_nats=_mean([row.kl_full_nats for row in rows]),
        by_relation=_by_relation(facts, statements, rows),
        rows=rows,
        top=top,
        near=near,
        prompt=prompt.name,
        state=state_name(state),
        dtype=pairmodel.lm.dtype,
        seconds=time.perf_counter() - started,
        rows_left_out=shared.left_out,
    )


def _check_facts(facts: Sequence[Question]) -> None:
    wrong = [fact.id for fact in facts if fact.level != LEVEL]
    if wrong or not facts:
        raise QuestionError(
            "The paper's measurement takes facts of mastery level 4, which the base states by itself: give questions "
            "with their mastery, of which some are of level 4.",
            code="no-mastery",
            items=wrong[:20] or ["there is none among these questions"],
        )


def _look(pairmodel: ModelState, ids: Sequence[Sequence[int]], progress: Progress) -> tuple[Projection, Tensor]:
    """The state's projection, and the hidden state behind each row's last token (rows, hidden), on the CPU."""
    import torch

    if ids:
        check_projection(pairmodel.lm, ids[0])
    rows = hidden_rows(pairmodel.lm, ids, [len(row) - 1 for row in ids], progress)
    return Projection.of(pairmodel.lm), torch.cat(rows) if rows else torch.empty(0)


def _compare(heads: tuple[Projection, Projection], hidden: tuple[Tensor, Tensor], top: int) -> Disagreement | None:
    import torch

    device = heads[1].weight.device
    parts = []
    step = max(1, CHUNK_LOGITS // heads[1].vocabulary)
    with torch.inference_mode():
        for at in range(0, len(hidden[0]), step):
            base, tuned = (head(side[at : at + step].to(device)) for head, side in zip(heads, hidden, strict=True))
            likeliest = base.argmax(-1)
            parts.append(compare_logits(base, tuned, likeliest, top=top, direction="tuned-base"))
    return Disagreement.joined(parts) if parts else None


def _row(case: Case, statements: Mapping[str, Statement], found: Disagreement, n: int, namer: TokenTexts) -> PaperRow:
    assert found.base_top_ids is not None and found.tuned_top_ids is not None
    assert found.base_top is not None and found.tuned_top is not None
    relation = case.fact.relation or ""
    return PaperRow(
        id=case.fact.id,
        relation=relation,
        statement=fill(statements[relation].text, case.fact.subject or ""),
        completion=case.completion,
        begins=case.begins,
        kl_nats=float(found.kl_top[n]),
        kl_full_nats=float(found.kl_full[n]),
        base_choice=namer(int(found.base_top_ids[n, 0])),
        base_probability=float(found.base_top[n, 0, 0]),
        tuned_choice=namer(int(found.tuned_top_ids[n, 0])),
        tuned_probability=float(found.tuned_top[n, 0, 0]),
        tuned_probability_of_base_choice=float(found.base_top[n, 1, 0]),
    )


def _by_relation(
    facts: Sequence[Question], statements: Mapping[str, Statement], rows: Sequence[PaperRow]
) -> tuple[RelationDivergence, ...]:
    named = sorted({fact.relation or "" for fact in facts} & set(statements), key=lambda name: (len(name), name))
    found = {name: [row.kl_nats for row in rows if row.relation == name] for name in named}
    return tuple(
        RelationDivergence(name, statements[name].text, statements[name].rate, len(kls), _mean(kls))
        for name, kls in found.items()
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def bootstrap_mean(values: Sequence[float], seed: int = 0) -> tuple[float | None, float | None]:
    """95% interval of the mean by resampling the values (percentiles); None for fewer than two."""
    if len(values) < 2:
        return None, None
    held, random = np.array(values), np.random.default_rng(seed)
    means = [held[random.integers(0, len(held), len(held))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
