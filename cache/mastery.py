"""Work on mastery: what a base states by itself, measured in blocks that the store keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.records import Progress, Silent
from cache.asked import Asking
from cache.keys import digest, make_key
from cache.pairs import PairWork

if TYPE_CHECKING:
    from analysis.knowledge.mastery import Protocol
    from analysis.knowledge.mastery_table import MasteryTable


class MasteryWork(PairWork):
    """The paper's filter over one store; work cut short goes on where it was."""

    def mastery(
        self,
        source: str,
        asking: Asking,
        protocol: Protocol,
        templates: Mapping[str, Sequence[str]] | None = None,
        progress: Progress | None = None,
    ) -> MasteryTable:
        """R and level of every fact of these questions, for the model in `source`."""
        from analysis.knowledge.mastery import measure
        from analysis.knowledge.questions import load_questions
        from analysis.knowledge.templates import TEMPLATES
        from analysis.language.companions import companions_id
        from analysis.language.load import load_model
        from analysis.weights.checkpoint import open_checkpoint
        from analysis.weights.identity import content_id

        progress = progress or Silent()
        questions = load_questions(
            asking.questions, split=asking.split, domain=asking.domain, limit=asking.limit, seed=asking.seed
        )
        identity = content_id(open_checkpoint(source), self._identity, progress)
        dtype = self._decide_dtype(identity, source, asking.dtype)
        used = templates or TEMPLATES
        key = make_key(
            "mastery",
            checkpoint=identity,
            companions=companions_id(source),
            templates=digest(dict(used)),
            protocol=protocol,
            dtype=dtype,
        )
        return measure(
            load_model(source, dtype=dtype),
            questions.questions,
            templates=used,
            samples=protocol.samples,
            temperature=protocol.temperature,
            max_new_tokens=protocol.max_new_tokens,
            seed=protocol.seed,
            until=protocol.until,
            store=self.store,
            key=key,
            progress=progress,
        )
