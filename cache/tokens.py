"""Work on tokens: how far a state's predictions are from another's, text by text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from analysis.records import DivergenceReport, Progress, Question, RestoreSpec, ResultKey, Silent, Text, ThreeStates
from cache.answer_tokens import AnswerTokenWork
from cache.asked import Comparison
from cache.keys import digest, make_key
from cache.models import State
from cache.pairs import model_folder
from cache.token_codecs import divergence_from_stored, divergence_to_stored
from cache.visiting import asks_base_apart, visiting

if TYPE_CHECKING:
    from analysis.language.measures import Measures
    from analysis.language.token_records import Direction


class TokenWork(AnswerTokenWork):
    """What is seen of a pair token by token, over one store."""

    def divergence(
        self,
        comparison: Comparison,
        texts: tuple[Text, ...],
        *,
        top: int = 10,
        state: State = "tuned",
        against: State = "base",
        direction: Direction = "tuned-base",
        measures: Measures = "all",
        dtype: str = "auto",
        progress: Progress | None = None,
    ) -> DivergenceReport:
        """Token by token, how far this state's predictions are from another's; every measure, or the two KLs alone."""
        from analysis.language.divergence import diverge
        from analysis.language.tokens import check_tokenizers

        progress = progress or Silent()
        asked: dict[str, Any] = {"top": top, "direction": direction, "measures": measures}
        known = self.known_divergence(comparison, texts, state=state, against=against, dtype=dtype, **asked)
        if known is not None:
            return known
        decided = self._prepared(comparison, (state, against), dtype, progress)
        with self._lease(comparison, decided, progress) as model:
            check_tokenizers(comparison.base, model.lm, texts)
            apart = asks_base_apart(self.known_profile(comparison), generating=False)
            visited = visiting(model, comparison, decided, apart)
            vocabulary = self._vocabulary(comparison)
            report = diverge(
                visited, texts, state=state, against=against, vocabulary=vocabulary, progress=progress, **asked
            )
        self._keep_report(comparison, texts, state, against, decided, report, measures)
        return report

    def known_divergence(
        self,
        comparison: Comparison,
        texts: tuple[Text, ...],
        *,
        top: int = 10,
        state: State = "tuned",
        against: State = "base",
        direction: Direction = "tuned-base",
        measures: Measures = "all",
        dtype: str = "auto",
    ) -> DivergenceReport | None:
        """The stored report for these texts, or None; one with every measure serves for the two KLs too."""
        decided = self._known_decision(comparison, (state, against), dtype)
        if decided is None:
            return None
        for held in dict.fromkeys((measures, "all")):
            key = self._divergence_key(
                comparison, texts, (state, against), top=top, direction=direction, measures=held, dtype=decided
            )
            stored = self.store.get(key)
            if stored:
                return divergence_from_stored(stored)
        return None

    def three_states(
        self,
        comparison: Comparison,
        texts: tuple[Text, ...],
        spec: RestoreSpec,
        *,
        top: int = 10,
        direction: Direction = "tuned-base",
        measures: Measures = "all",
        dtype: str = "auto",
        progress: Progress | None = None,
    ) -> ThreeStates:
        """Restored against base, restored against tuned and tuned against base, each state read once.

        Each of the three reports is stored as `divergence` would have.
        """
        from analysis.language.divergence import diverge_three
        from analysis.language.tokens import check_tokenizers

        progress = progress or Silent()
        asked: dict[str, Any] = {"top": top, "direction": direction, "measures": measures}
        known = self.known_three_states(comparison, texts, spec, dtype=dtype, **asked)
        if known is not None:
            return known
        decided = self._prepared(comparison, (spec, "base"), dtype, progress)
        with self._lease(comparison, decided, progress) as model:
            check_tokenizers(comparison.base, model.lm, texts)
            apart = asks_base_apart(self.known_profile(comparison), generating=False)
            visited = visiting(model, comparison, decided, apart)
            vocabulary = self._vocabulary(comparison)
            found = diverge_three(visited, texts, spec, vocabulary=vocabulary, progress=progress, **asked)
        for (state, against), report in zip(_pairs(spec), _reports(found), strict=True):
            self._keep_report(comparison, texts, state, against, decided, report, measures)
        return found

    def known_three_states(
        self, comparison: Comparison, texts: tuple[Text, ...], spec: RestoreSpec, **asked: Any
    ) -> ThreeStates | None:
        """The three stored reports, or None where one is missing; `asked` as for `three_states`."""
        found = []
        for state, against in _pairs(spec):
            report = self.known_divergence(comparison, texts, state=state, against=against, **asked)
            if report is None:
                return None
            found.append(report)
        return ThreeStates(*found)

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

    def _keep_report(
        self,
        comparison: Comparison,
        texts: tuple[Text, ...],
        state: State,
        against: State,
        dtype: str,
        report: DivergenceReport,
        measures: Measures,
    ) -> None:
        key = self._divergence_key(
            comparison,
            texts,
            (state, against),
            top=report.top,
            direction=report.direction,
            measures=measures,
            dtype=dtype,
        )
        self.store.put(key, divergence_to_stored(report))

    def _divergence_key(
        self, comparison: Comparison, texts: Sequence[Text], states: tuple[State, State], **asked: Any
    ) -> ResultKey:
        from analysis.language.companions import companions_id

        return make_key(
            "divergence",
            base=self.weights_part(comparison, states[1]),
            weights=self.weights_part(comparison, states[0]),
            companions=companions_id(model_folder(comparison)),
            texts=digest([asdict(text) for text in texts]),
            **asked,
        )


def _pairs(spec: RestoreSpec) -> tuple[tuple[State, State], ...]:
    """(state, against) of the three reports, in the order of ThreeStates."""
    return (spec, "base"), (spec, "tuned"), ("tuned", "base")


def _reports(found: ThreeStates) -> tuple[DivergenceReport, ...]:
    return found.restored_base, found.restored_tuned, found.tuned_base
