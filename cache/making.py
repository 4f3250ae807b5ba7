"""What made a finding, gathered while everything is at hand; and what has changed since it was pinned."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from analysis.errors import PalimpsestError
from analysis.records import Progress, RestoreSpec
from analysis.report.records import Asked, Making, Placed, Restoration, Side
from cache.asked import Asking, Comparison
from cache.commands import command as command_for
from cache.findings import Findings
from cache.keys import VERSIONS, digest
from cache.knowledge import KnowledgeWork
from cache.store import Entry

PACKAGES = ("palimpsest", "torch", "transformers", "safetensors", "numpy", "scipy", "pandas", "altair")
ALGORITHMS: dict[str, tuple[str, ...]] = {  # what stands behind a page's figures
    "overview": ("profile", "evaluation", "divergence"),
    "updates": ("profile",),
    "tokens": ("divergence",),
    "mastery": ("mastery",),
    "restore": ("profile", "evaluation", "blend"),
    "samples": ("evaluation",),
}
ASKING_PAGES = ("overview", "tokens", "mastery", "restore", "samples")  # whose figures hang on the questions
STOP_PAGES = ("restore", "samples")  # and on the stop looked at
CURVE_PAGES = ("overview", "restore")  # whose figures grow with every stop evaluated


class FindingWork(KnowledgeWork):
    """Pinned findings and what is known of their making, over one store."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.findings = Findings(home)

    def making(
        self,
        page: str,
        figure: str,
        *,
        view: str = "",
        comparison: Comparison | None = None,
        asking: Asking | None = None,
        spec: RestoreSpec | None = None,
        further: Mapping[str, Any] | None = None,
        command: str | None = None,
    ) -> Making:
        """Everything that made the figure called `figure` of this page; what does not bear on the page is left out."""
        asking = asking if page in ASKING_PAGES else None
        spec = spec if page in STOP_PAGES else None
        ids = self._ids(comparison) if comparison else None
        identity = digest([page, figure, view, comparison, asking, spec, dict(further or {})])
        return Making(
            page=page,
            figure=figure,
            identity=identity,
            created=time.time(),
            view=view,
            base=_side(comparison.base, ids[0] if ids else "") if comparison else None,
            tuned=_side(comparison.tuned, ids[1] if ids else "") if comparison else None,
            asked=self._asked(comparison, asking) if asking else None,
            restoration=self._restoration(comparison, spec) if comparison and spec else None,
            further=dict(further or {}),
            algorithms={name: VERSIONS[name] for name in ALGORITHMS.get(page, ())},
            versions=package_versions(),
            command=command_for(page, comparison, asking, spec) if command is None else command,
        )

    def _asked(self, comparison: Comparison | None, asking: Asking) -> Asked:
        found = self.question_set(asking)
        profile = self.known_profile(comparison) if comparison else None
        dtype = self._known_dtype(profile.tuned_id, asking.dtype) if profile else None
        fields = asdict(asking)
        source, prompt = fields.pop("questions"), fields.pop("prompt")
        return Asked(source, found.id, len(found.questions), prompt, fields, dtype or fields["dtype"])

    def _restoration(self, comparison: Comparison, spec: RestoreSpec) -> Restoration:
        known = self.known_profile(comparison, spec.arithmetic) is not None
        count = self.known_count(comparison, spec) if known else None
        settings = {"scope": spec.scope, "layers": spec.layers, "modules": spec.modules, "among": spec.among}
        effective = count.effective_percent if count else None
        return Restoration(
            spec.strategy, float(spec.percent), spec.arithmetic, spec.seed, spec.region, settings, effective
        )

    def pack_report(self, progress: Progress | None = None) -> Path:
        """Every finding in every format, as one zip; the path is `packed_report`'s."""
        from analysis.report.pack import write_zip

        placed = self.report_findings()
        out = self._packed(placed)
        for old in out.parent.glob("report-*.zip"):
            old.unlink(missing_ok=True)
        write_zip(out, self.findings.complete(placed), self.findings.title(), progress)
        return out

    def packed_report(self) -> Path | None:
        """The zip of the report as it is now, or None where it was not packed since the last change."""
        out = self._packed(self.report_findings())
        return out if out.exists() else None

    def _packed(self, placed: tuple[Placed, ...]) -> Path:
        named = [[each.finding.id, each.section, each.note, each.news] for each in placed]
        return self.home / "findings" / f"report-{digest([named, self.findings.title()])[:16]}.zip"

    def report_findings(self) -> tuple[Placed, ...]:
        """The report's findings in order, each with what has changed since it was pinned; without their data."""
        placed = self.findings.all()
        seen = _Seen(placed)
        return tuple(replace(each, news=self._news(each.finding.making, seen)) for each in placed)

    def _news(self, made: Making, seen: _Seen) -> tuple[str, ...]:
        found = [
            *self._changed_sides(made, seen),
            *_revised(made),
            *self._changed_questions(made),
            *self._more_stops(made, seen),
        ]
        if seen.newest[made.identity] > made.created:
            found.append("a newer pin of the same figure is in this report")
        return tuple(found)

    def _changed_sides(self, made: Making, seen: _Seen) -> list[str]:
        if made.base is None or made.tuned is None or not (made.base.content and made.tuned.content):
            return []
        pair = Comparison(made.base.source, made.tuned.source)
        if pair not in seen.ids:
            seen.ids[pair] = self._ids(pair)
        ids = seen.ids[pair]
        if ids is None:
            return []
        sides = (("base", made.base.content, ids[0]), ("tuned", made.tuned.content, ids[1]))
        return [f"the {name} model's weights have changed" for name, then, now in sides if then != now]

    def _changed_questions(self, made: Making) -> list[str]:
        if made.asked is None:
            return []
        try:
            now = self.question_set(Asking(made.asked.source, made.asked.prompt, **made.asked.settings)).id
        except (PalimpsestError, OSError, TypeError):  # gone, or asked in a way this version does not know
            return []
        return [] if now == made.asked.id else ["the questions have changed"]

    def _more_stops(self, made: Making, seen: _Seen) -> list[str]:
        """Stops of the same pair and questions evaluated after a curve was pinned."""
        if made.page not in CURVE_PAGES or made.asked is None or made.base is None or made.tuned is None:
            return []
        if seen.evaluated is None:
            seen.evaluated = self.store.entries("evaluation")
        pair, count = (made.base.content, made.tuned.content), 0
        for entry in reversed(seen.evaluated):  # oldest first in the store
            if entry.created <= made.created:
                break
            weights = entry.parts["weights"]
            same = (weights.get("base"), weights.get("tuned")) == pair
            count += same and entry.parts.get("questions") == made.asked.id
        return [f"{count} more {'stop was' if count == 1 else 'stops were'} evaluated"] if count else []


class _Seen:
    """What the findings of one report are held against, looked up once for all of them."""

    def __init__(self, placed: Sequence[Placed]) -> None:
        self.newest: dict[str, float] = {}
        for each in placed:
            made = each.finding.making
            self.newest[made.identity] = max(made.created, self.newest.get(made.identity, 0.0))
        self.ids: dict[Comparison, tuple[str, str] | None] = {}
        self.evaluated: list[Entry] | None = None


def _side(source: str, content: str) -> Side:
    return Side(Path(source).name or source, source, content)


def _revised(made: Making) -> list[str]:
    return [
        f"the {name} algorithm was revised (version {version} to {VERSIONS[name]})"
        for name, version in made.algorithms.items()
        if VERSIONS.get(name, version) > version
    ]


@lru_cache(maxsize=1)
def package_versions() -> dict[str, str]:
    """Python's version and those of the packages that results depend on; what is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
