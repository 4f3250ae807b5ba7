"""The banks of earlier answers, one a pair and asking: filled from the store, so that they outlive a process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.knowledge.drafts import DRAFTS_A_QUESTION, Bank
from cache.codecs import evaluation_from_stored
from cache.keys import digest

if TYPE_CHECKING:
    from analysis.knowledge.questions import QuestionSet
    from analysis.records import ResultKey
    from cache.store import Store

BANKS_HELD = 4


class Banks:
    """Banks by what was asked of which pair; the least lately used is dropped, and filled again when it is wanted."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._banks: dict[str, Bank] = {}

    def of(
        self, key: ResultKey, ids: tuple[str, str] | None, questions: QuestionSet, prompt: str, tokenizer: Any
    ) -> Bank:
        """The bank for an evaluation under this key, of the pair with these ids.

        A new one holds the gold answers, and before them what the store knows of the pair, the newest first.
        """
        asked = {name: part for name, part in key.parts.items() if name != "weights"}
        name = digest([ids, asked])
        bank = self._banks.pop(name, None)
        if bank is None:
            bank = _with_gold(questions, prompt, tokenizer)
            for stored in self._earlier(asked, ids):
                bank.learn(evaluation_from_stored(stored).rows)
        while len(self._banks) >= BANKS_HELD:
            self._banks.pop(next(iter(self._banks)))
        self._banks[name] = bank
        return bank

    def _earlier(self, asked: dict[str, Any], ids: tuple[str, str] | None) -> list[Any]:
        """Stored evaluations of any state of the pair asked the same, the newest last."""
        from analysis.records import ResultKey

        found = []
        for entry in self._store.entries("evaluation"):
            weights, rest = entry.parts["weights"], {k: v for k, v in entry.parts.items() if k != "weights"}
            states = (weights.get("base"), weights.get("tuned")) == ids or weights["checkpoint"] in (ids or ())
            if states and rest == asked:
                found.append(ResultKey(entry.kind, entry.version, entry.parts))
        return [stored for key in found[-DRAFTS_A_QUESTION:] if (stored := self._store.get(key)) is not None]


def _with_gold(questions: QuestionSet, prompt: str, tokenizer: Any) -> Bank:
    from analysis.knowledge.drafts import gold_drafts
    from analysis.knowledge.prompts import resolve_prompt

    return Bank(gold_drafts(tokenizer, resolve_prompt(prompt), questions.questions))
