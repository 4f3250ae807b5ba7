"""Work on answers token by token: the paper's measurement at the first answer token, and two continuations compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from analysis.errors import QuestionError
from analysis.records import Progress, Question, ResultKey, Silent, Stored, Text
from cache.asked import Asking, Comparison
from cache.keys import digest, make_key
from cache.knowledge import KnowledgeWork
from cache.models import State
from cache.pairs import arithmetic_of, model_folder
from cache.visiting import asks_base_apart, visiting

if TYPE_CHECKING:
    from analysis.language.generation_records import GenerationComparison
    from analysis.language.paper_cases import Statement
    from analysis.language.paper_records import PaperDivergence
    from analysis.language.vocabulary import Vocabulary

LEVEL = 4
NEAR = 3
MAX_NEW_TOKENS = 16


class AnswerTokenWork(KnowledgeWork):
    """What is seen of a pair's answers token by token, over one store."""

    def paper_divergence(
        self,
        comparison: Comparison,
        asking: Asking,
        *,
        state: State = "tuned",
        top: int = 10,
        near: int = NEAR,
        progress: Progress | None = None,
    ) -> PaperDivergence:
        """The paper's KL at the first answer token, over the level-4 facts of this asking (analysis.language.paper).

        Needs `asking.mastery`, measured by statements; its limit is one of level-4 facts. Raises QuestionError where
        there are none.
        """
        from analysis.knowledge.prompts import resolve_prompt
        from analysis.language.paper import measure_paper
        from analysis.language.tokens import check_tokenizers

        progress = progress or Silent()
        known = self.known_paper_divergence(comparison, asking, state=state, top=top, near=near)
        if known is not None:
            return known
        decided = self._prepared(comparison, ("base", state), asking.dtype, progress)
        facts, statements = self._level_four(asking), self._best_statements(asking)
        prompt = resolve_prompt(asking.prompt, self.question_set(asking).shots)
        with self._lease(comparison, decided, progress) as model:
            check_tokenizers(comparison.base, model.lm, [Text(fact.id, text=fact.question) for fact in facts])
            apart = asks_base_apart(self.known_profile(comparison), generating=True)
            found = measure_paper(
                visiting(model, comparison, decided, apart),
                facts,
                statements,
                prompt,
                state=state,
                top=top,
                near=near,
                vocabulary=self._vocabulary(comparison),
                progress=progress,
            )
        key = self._paper_key(comparison, asking, state, top, near, decided)
        self.store.put(key, Stored(document=msgspec.to_builtins(found)))
        return found

    def known_paper_divergence(
        self, comparison: Comparison, asking: Asking, *, state: State = "tuned", top: int = 10, near: int = NEAR
    ) -> PaperDivergence | None:
        """The stored measurement, or None."""
        from analysis.language.paper_records import PaperDivergence

        decided = self._known_decision(comparison, ("base", state), asking.dtype)
        if decided is None:
            return None
        stored = self.store.get(self._paper_key(comparison, asking, state, top, near, decided))
        return msgspec.convert(stored.document, PaperDivergence, strict=False) if stored else None

    def generation_compared(
        self,
        comparison: Comparison,
        prompts: tuple[Text, ...],
        *,
        state: State = "tuned",
        max_new_tokens: int = MAX_NEW_TOKENS,
        dtype: str = "auto",
        progress: Progress | None = None,
    ) -> GenerationComparison:
        """Base and this state continuing the same prompts, aligned, with the place where they part."""
        from analysis.language.continuations import compare_generation
        from analysis.language.tokens import check_tokenizers

        progress = progress or Silent()
        known = self.known_generation_compared(
            comparison, prompts, state=state, max_new_tokens=max_new_tokens, dtype=dtype
        )
        if known is not None:
            return known
        decided = self._prepared(comparison, ("base", state), dtype, progress)
        with self._lease(comparison, decided, progress) as model:
            check_tokenizers(comparison.base, model.lm, prompts)
            apart = asks_base_apart(self.known_profile(comparison), generating=True)
            found = compare_generation(
                visiting(model, comparison, decided, apart),
                prompts,
                state=state,
                max_new_tokens=max_new_tokens,
                vocabulary=self._vocabulary(comparison),
                progress=progress,
            )
        key = self._generation_key(comparison, prompts, state, max_new_tokens, decided)
        self.store.put(key, Stored(document=msgspec.to_builtins(found)))
        return found

    def known_generation_compared(
        self,
        comparison: Comparison,
        prompts: tuple[Text, ...],
        *,
        state: State = "tuned",
        max_new_tokens: int = MAX_NEW_TOKENS,
        dtype: str = "auto",
    ) -> GenerationComparison | None:
        """The stored comparison, or None."""
        from analysis.language.generation_records import GenerationComparison

        decided = self._known_decision(comparison, ("base", state), dtype)
        if decided is None:
            return None
        stored = self.store.get(self._generation_key(comparison, prompts, state, max_new_tokens, decided))
        return msgspec.convert(stored.document, GenerationComparison, strict=False) if stored else None

    def _prepared(self, comparison: Comparison, states: Sequence[State], dtype: str, progress: Progress) -> str:
        """Profile what the states need, and decide the dtype."""
        profiles = [self.profile(comparison, arithmetic_of(state), progress) for state in states]
        return self._decide_dtype(profiles[0].tuned_id, model_folder(comparison), dtype)

    def _known_decision(self, comparison: Comparison, states: Sequence[State], dtype: str) -> str | None:
        """The dtype these states are asked in, where they are profiled and it was decided before; else None."""
        profiles = [self.known_profile(comparison, arithmetic_of(state)) for state in states]
        known = [profile for profile in profiles if profile is not None]
        return self._known_dtype(known[0].tuned_id, dtype) if len(known) == len(states) else None

    def _vocabulary(self, comparison: Comparison) -> Vocabulary | None:
        from analysis.language.vocabulary import Vocabulary

        return Vocabulary.of_pair(self._pair(comparison))

    def _level_four(self, asking: Asking) -> tuple[Question, ...]:
        """The facts the base states by itself, at most as many as the asking's limit."""
        from analysis.knowledge.sampling import sample_balanced

        every = self.question_set(replace(asking, limit=None)).questions
        facts = [question for question in every if question.level == LEVEL]
        return tuple(sample_balanced(facts, asking.limit, asking.seed) if asking.limit and facts else facts)

    def _best_statements(self, asking: Asking) -> dict[str, Statement]:
        """By relation the statement that elicits it best from the base, over all facts of the mastery table."""
        if asking.mastery is None:
            raise QuestionError(
                "The paper's measurement needs the base's mastery of each fact: its level-4 facts, and each relation's "
                "best statement. Measure it on the Mastery page, or give the table (--mastery).",
                code="no-mastery",
            )
        path = Path(asking.mastery).expanduser()
        return _read_statements(path, path.stat().st_mtime_ns if path.exists() else 0)

    def _paper_key(
        self, comparison: Comparison, asking: Asking, state: State, top: int, near: int, dtype: str
    ) -> ResultKey:
        from analysis.knowledge.prompts import resolve_prompt
        from analysis.language.companions import companions_id

        prompt = resolve_prompt(asking.prompt, self.question_set(asking).shots)
        return make_key(
            "paper_divergence",
            base=self.weights_part(comparison, "base"),
            weights=self.weights_part(comparison, state),
            companions=companions_id(model_folder(comparison)),
            facts=digest([asdict(fact) for fact in self._level_four(asking)]),
            statements=digest(self._best_statements(asking)),
            prompt=digest(prompt),
            top=top,
            near=near,
            dtype=dtype,
        )

    def _generation_key(
        self, comparison: Comparison, prompts: Sequence[Text], state: State, max_new_tokens: int, dtype: str
    ) -> ResultKey:
        from analysis.language.companions import companions_id

        return make_key(
            "generation",
            base=self.weights_part(comparison, "base"),
            weights=self.weights_part(comparison, state),
            companions=companions_id(model_folder(comparison)),
            prompts=digest([asdict(replace(text, answer=None)) for text in prompts]),
            max_new_tokens=max_new_tokens,
            dtype=dtype,
        )


@lru_cache(maxsize=4)
def _read_statements(path: Path, _changed: int) -> dict[str, Statement]:
    """The best statements of a mastery table; read again only when its file has changed."""
    from analysis.knowledge.mastery_table import read_mastery
    from analysis.language.paper_cases import Statement

    table = read_mastery(path)
    best = table.best_templates()
    if not best:
        raise QuestionError(
            f"{path} was measured by the {table.method}, which has no statements to put to the base. Measure "
            "these facts by statements.",
            code="no-mastery",
        )
    rates = table.template_rates()
    named = zip(rates["relation"], rates["template"], rates["rate"], strict=True)
    by_text = {(relation, text): float(rate) for relation, text, rate in named}
    return {relation: Statement(text, by_text[relation, text]) for relation, text in best.items()}
