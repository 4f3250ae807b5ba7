"""What a store holds, as tables: by kind and pair, with sizes in MB (millions of bytes). Knows no store."""

import time
from collections.abc import Iterable, Mapping
from typing import Protocol

import pandas as pd

from analysis.experiments.state import RunReport
from analysis.figures import numbers

MEGABYTE = 1e6
SMALLEST = 10_000  # bytes of a folder that is listed
KINDS = {
    "evaluation-part": "answers of evaluations cut short",
    "evaluation": "evaluations: every answer of a state",
    "divergence": "token comparisons",
    "paper_divergence": "token comparisons on the paper's statements",
    "generation": "texts both models wrote",
    "task": "tasks: answers and scores",
    "blend": "counts of blends",
    "spectrum": "singular values",
    "profile": "profiles: the pass over a pair's weights",
    "gradients": "open question: gradients by level",
    "skill": "open question: a skill beside recall",
    "planted": "open question: planted wrong facts",
}
BACK = {
    "evaluation-part": "the evaluation begins anew",
    "evaluation": "asked again: seconds to minutes a stop",
    "divergence": "compared again: seconds to minutes",
    "paper_divergence": "compared again: seconds to minutes",
    "generation": "written again: seconds to minutes",
    "task": "asked again: minutes",
    "blend": "looked at again: seconds",
    "spectrum": "decomposed again: minutes",
    "profile": "read again: seconds to minutes",
    "gradients": "measured again: minutes",
    "skill": "trained and asked again: minutes to hours",
    "planted": "trained and asked again: minutes to hours",
}
FOLDERS = {
    "demo": "the demo's fine-tuned models",
    "tuned": "models fine-tuned here, by hand and by plans",
    "open-questions": "models trained by open questions",
    "texts": "texts kept for links",
    "mastery": "mastery tables",
    "findings": "pinned findings",
    "identity": "tensor hashes of files already read",
}


class Held(Protocol):
    """One stored result, as the store tells it."""

    @property
    def kind(self) -> str: ...
    @property
    def pair(self) -> str: ...
    @property
    def bytes(self) -> int: ...
    @property
    def used(self) -> float: ...


def holdings_table(holdings: Iterable[Held], now: float | None = None) -> pd.DataFrame:
    """One row a kind and pair: results, megabytes, days since the last reading, and what getting them back costs."""
    now = time.time() if now is None else now
    rows = [
        {"what": KINDS.get(each.kind, each.kind), "pair": each.pair, "results": 1, "MB": each.bytes / MEGABYTE,
         "unread for days": (now - each.used) / 86_400, "to get it back": BACK.get(each.kind, "")}
        for each in holdings
    ]  # fmt: skip
    if not rows:
        return pd.DataFrame(columns=["what", "pair", "results", "MB", "unread for days", "to get it back"])
    grouped = pd.DataFrame(rows).groupby(["what", "pair", "to get it back"], as_index=False)
    found = grouped.agg({"results": "sum", "MB": "sum", "unread for days": "min"})
    return found.sort_values("MB", ascending=False, ignore_index=True)[
        ["what", "pair", "results", "MB", "unread for days", "to get it back"]
    ]


def by_kind(holdings: Iterable[Held]) -> tuple[tuple[str, int, int], ...]:
    """What they are in words, how many and how many bytes; the most bytes first."""
    counts: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for each in holdings:
        counts[each.kind] = counts.get(each.kind, 0) + 1
        sizes[each.kind] = sizes.get(each.kind, 0) + each.bytes
    return tuple((KINDS.get(kind, kind), counts[kind], sizes[kind]) for kind in sorted(sizes, key=lambda k: -sizes[k]))


LARGE = {
    "brought back": "a model brought back whole, beside its difference",
    "model": "a model fine-tuned here",
    "open question": "models trained by an open question",
    "packed report": "the report, exported",
    "deleted pins": "findings that Undo can bring back",
    "texts": "what links to the Tokens page name",
}
LARGE_BACK = {
    "brought back": "unpacked again from its difference, as long as that stays: seconds to minutes",
    "model": "fine-tuned again",
    "open question": "trained again, minutes to hours, once its result is freed too",
    "packed report": "packed again: seconds",
    "deleted pins": "nothing: Undo no longer brings them back",
    "texts": "nothing: links that name them say that they are gone",
}


def settled_lines(report: RunReport) -> tuple[str, ...]:
    """What a run did with the models of cells measured before, a sentence each; none where all was as the plan says."""
    models = "1 model" if report.put_away == 1 else f"{report.put_away} models"
    freed = f"{models} of finished cells put away: {numbers.storage(report.freed_bytes)} freed."
    stayed = (f"The model of {name} stays on disk: {reason.rstrip('.')}." for name, reason in report.stayed)
    return (*((freed,) if report.put_away else ()), *stayed)


class Large(Protocol):
    """One thing beside the results, as the store tells it."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def bytes(self) -> int: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def needed_by(self) -> str: ...


def pieces_table(pieces: Iterable[Large]) -> pd.DataFrame:
    """One row a piece: what it is, megabytes, what getting it back costs, and what keeps it."""
    rows = [
        {"name": each.name, "what": LARGE.get(each.kind, each.kind), "MB": each.bytes / MEGABYTE,
         "to get it back": _back(each), "stays for": each.needed_by}
        for each in pieces
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["name", "what", "MB", "to get it back", "stays for"])


def _back(piece: Large) -> str:
    told = LARGE_BACK.get(piece.kind, "")
    return f"{told}: it took {numbers.duration(piece.seconds)}" if piece.seconds else told


def folder_table(sizes: Mapping[str, int]) -> pd.DataFrame:
    """One row a folder of the store, the largest first: its path, what it holds, megabytes; without the smallest."""
    large = {name: size for name, size in sizes.items() if size >= SMALLEST}
    return pd.DataFrame(
        [{"folder": name, "holds": _holds(name), "MB": size / MEGABYTE} for name, size in large.items()],
        columns=["folder", "holds", "MB"],
    )


def _holds(name: str) -> str:
    kind = name.removeprefix("results/")
    return KINDS.get(kind, kind) if name.startswith("results/") else FOLDERS.get(name, "")
