"""Work on tokens: how far a state's predictions are from the base's, text by text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from analysis.records import DivergenceReport, Progress, Question, ResultKey, Silent, Text
from cache.asked import Comparison
from cache.codecs import divergence_from_stored, divergence_to_stored
from cache.keys import digest, make_key
from cache.models import State
from cache.pairs import PairWork, arithmetic_of, model_folder

if TYPE_CHECKING:
    from analysis.language.token_records import Direction


class TokenWork(PairWork):
    """What is seen of a pair token by token, over one store."""

    def divergence(
        self,
        comparison: Comparison,
        texts: tuple[Text, ...],
        *,
        top: int = 10,
        state: State = "tuned",
        direction: Direction = "tuned-base",
        dtype: str = "auto",
        progress: Progress | None = None,
    ) -> DivergenceReport:
        """Token by token, how far this state's predictions are from the base's."""
        from analysis.language.divergence import diverge
        from analysis.language.tokens import check_tokenizers

        progress = progress or Silent()
        known = self.known_divergence(comparison, texts, top=top, state=state, direction=direction, dtype=dtype)
        if known is not None:
            return known
        profile = self.profile(comparison, arithmetic_of(state), progress)
        decided = self._decide_dtype(profile.tuned_id, model_folder(comparison), dtype)
        with self._lease(comparison, decided, progress) as model:
            check_tokenizers(comparison.base, model.lm, texts)
            report = diverge(model, texts, top=top, direction=direction, state=state, progress=progress)
        key = self._divergence_key(comparison, texts, top=top, state=state, direction=direction, dtype=decided)
        self.store.put(key, divergence_to_stored(report))
        return report

    def known_divergence(
        self,
        comparison: Comparison,
        texts: tuple[Text, ...],
        *,
        top: int = 10,
        state: State = "tuned",
        direction: Direction = "tuned-base",
        dtype: str = "auto",
    ) -> DivergenceReport | None:
        """The stored report for these texts, or None."""
        profile = self.known_profile(comparison, arithmetic_of(state))
        decided = self._known_dtype(profile.tuned_id, dtype) if profile else None
        if decided is None:
            return None
        key = self._divergence_key(comparison, texts, top=top, state=state, direction=direction, dtype=decided)
        stored = self.store.get(key)
        return divergence_from_stored(stored) if stored else None

    def sample_questions(self, questions: Sequence[Question], count: int, seed: int = 0) -> tuple[Question, ...]:
        """`count` of these questions, balanced over relations and levels."""
        from analysis.knowledge.sampling import sample_balanced

        return tuple(sample_balanced(questions, count, seed))

    def question_texts(
        self, comparison: Comparison, prompt: str, questions: Sequence[Question], shots: Sequence[Question] = ()
    ) -> tuple[Text, ...]:
        """Each question in this prompt, after these shots, followed by its gold answer."""
        from analysis.knowledge.prompts import resolve_prompt
        from analysis.knowledge.texts import question_texts
        from analysis.language.load import find_folder, load_tokenizer

        chosen = resolve_prompt(prompt, shots)
        tokenizer = load_tokenizer(find_folder(model_folder(comparison))) if chosen.name == "chat" else None
        return question_texts(questions, chosen, tokenizer)

    def uploaded_texts(self, content: bytes, name: str) -> tuple[Text, ...]:
        """The texts in a JSON lines file of a person's own."""
        from analysis.knowledge.texts import parse_texts

        return parse_texts(content, name)

    def _divergence_key(self, comparison: Comparison, texts: Sequence[Text], **asked: Any) -> ResultKey:
        from analysis.language.companions import companions_id

        return make_key(
            "divergence",
            base=self._weights_part(comparison, "base"),
            weights=self._weights_part(comparison, asked["state"]),
            companions=companions_id(model_folder(comparison)),
            texts=digest([asdict(text) for text in texts]),
            top=asked["top"],
            direction=asked["direction"],
            dtype=asked["dtype"],
        )
