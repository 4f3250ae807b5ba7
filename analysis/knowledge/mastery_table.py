"""What a mastery measurement found: R, level and successes by template, as a table and as a parquet file.

The file's columns id, relation, subject, object, level, R, method are what others join on; `successes` is a list, one
number a template, of `samples` completions each. Templates and protocol lie in the file's metadata. Does not know
models.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from analysis.errors import QuestionError
from analysis.records import MASTERY_LEVELS, Question

if TYPE_CHECKING:
    import pandas as pd

    from analysis.knowledge.forms import Method
    from analysis.knowledge.mastery import Protocol

META = b"palimpsest.mastery"
PREVIEW = ", preview"


@dataclass(frozen=True, eq=False)
class MasteryTable:
    """Mastery of facts, one row each: id, relation, subject, object, level (0-4), R (0-1), method, successes.

    `templates` are by relation ("" for none), in the order of `successes`; `protocol` holds samples, temperature,
    max_new_tokens, seed, until and preview_of. `method` is "statements" (the paper's) or "question form", with
    ", preview" behind where fewer samples were taken than a full measurement takes: such levels are estimates.
    """

    frame: pd.DataFrame
    templates: dict[str, tuple[str, ...]]
    protocol: dict[str, Any]

    @classmethod
    def of(
        cls,
        facts: Sequence[Question],
        successes: Sequence[tuple[int, ...]],
        templates: Mapping[str, tuple[str, ...]],
        protocol: Protocol,
        method: Method = "statements",
    ) -> MasteryTable:
        """The table of these facts, `successes` in the same order."""
        import pandas as pd

        from analysis.knowledge.mastery import level_of

        shares = [sum(row) / (len(row) * protocol.samples) for row in successes]
        frame = pd.DataFrame(
            {
                "id": [fact.id for fact in facts],
                "relation": [fact.relation for fact in facts],
                "subject": [fact.subject for fact in facts],
                "object": [fact.answers[0] for fact in facts],
                "level": [level_of(share) for share in shares],
                "R": shares,
                "method": method if protocol.preview_of is None else f"{method}{PREVIEW}",
                "successes": [list(row) for row in successes],
            }
        )
        return cls(frame, dict(templates), asdict(protocol))

    @property
    def method(self) -> str:
        """How it was measured; tables written before there was a choice are the paper's statements."""
        return str(self.frame["method"].iloc[0]) if "method" in self.frame and len(self.frame) else "statements"

    @property
    def preview(self) -> bool:
        """Whether its levels are estimates from fewer samples."""
        return self.method.endswith(PREVIEW)

    def level_counts(self) -> dict[int, int]:
        """Facts at each of the five levels."""
        counts = self.frame["level"].value_counts()
        return {level: int(counts.get(level, 0)) for level in MASTERY_LEVELS}

    def template_rates(self) -> pd.DataFrame:
        """How well each template elicits: columns relation, template, facts, rate (share right of all samples, 0-1)."""
        import pandas as pd

        rows = []
        for relation, group in self.frame.groupby(self.frame["relation"].fillna("")):
            sums = [sum(column) for column in zip(*group["successes"], strict=True)]
            shares = [total / (len(group) * self.protocol["samples"]) for total in sums]
            rows += [
                {"relation": relation, "template": template, "facts": len(group), "rate": share}
                for template, share in zip(self.templates[str(relation)], shares, strict=True)
            ]
        return pd.DataFrame(rows)

    def best_templates(self) -> dict[str, str]:
        """Each relation's template with the best rate, the first of equals: what the token level puts to the base.

        None from the question form, which has no statements.
        """
        if not self.method.startswith("statements"):
            return {}
        rates = self.template_rates()
        best = rates.loc[rates.groupby("relation")["rate"].idxmax()]
        return dict(zip(best["relation"], best["template"], strict=True))

    def write(self, path: Path) -> None:
        """Write the parquet file, whole or not at all."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pandas(self.frame, preserve_index=False)
        meta = msgspec.json.encode({"templates": self.templates, "protocol": self.protocol})
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), META: meta})
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        partial = Path(name)
        try:
            pq.write_table(table, partial, compression="zstd")
            partial.chmod(0o644)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def read_mastery(path: Path) -> MasteryTable:
    """A table written before; columns added since are kept. Raises QuestionError for any other file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except FileNotFoundError as error:
        raise QuestionError(f"There is no mastery table {str(path)!r}.") from error
    except (OSError, pa.ArrowException) as error:
        raise QuestionError(f"The mastery table {path} is not a readable parquet file: {error}") from error
    meta = (table.schema.metadata or {}).get(META)
    if meta is None:
        raise QuestionError(f"{path} was not written as a mastery table of ours: it lacks its templates and protocol.")
    about = msgspec.json.decode(meta)
    templates = {name: tuple(texts) for name, texts in about["templates"].items()}
    return MasteryTable(table.to_pandas(), templates, about["protocol"])
