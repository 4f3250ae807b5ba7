"""What made a finding, gathered while everything is at hand."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from analysis.errors import StoreError
from analysis.folders import whole_file
from analysis.records import Progress, RestoreSpec
from analysis.report.records import Asked, Finding, Making, Placed, Restoration, Side
from cache import commands
from cache.about import About, Compared, Models
from cache.asked import Asking, Comparison
from cache.findings import Findings
from cache.keys import VERSIONS, digest
from cache.news import NewsWork, Seen

__all__ = ["About", "Compared", "FindingWork", "Models", "package_versions"]

PACKAGES = ("palimpsest", "torch", "transformers", "safetensors", "numpy", "scipy", "pandas", "altair")
ALGORITHMS: dict[str, tuple[str, ...]] = {  # what stands behind a page's figures
    "overview": ("profile", "evaluation", "divergence"),
    "updates": ("profile",),
    "tokens": ("divergence",),
    "mastery": ("mastery",),
    "restore": ("profile", "evaluation", "blend"),
    "samples": ("evaluation",),
}
ASKING_PAGES = ("overview", "restore", "samples")  # whose figures hang on the questions, unless they say otherwise
STOP_PAGES = ("restore", "samples")  # and on the stop looked at
_ACTIVE = ("pair", "about", "questions", "question", "slice")  # in an address: what the session looks at, on every page


class FindingWork(NewsWork):
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
        about: About | None = None,
        further: Mapping[str, Any] | None = None,
        command: str | None = None,
    ) -> Making:
        """Everything that made the figure called `figure` of this page; what does not bear on the page is left out.

        `comparison` is the active pair. `about` is the figure's own word on models, questions and stop, and stands in
        for the page's.
        """
        if about is None:
            kept_spec = spec if page in STOP_PAGES else None
            about = About(spec=kept_spec, asking=asking if page in ASKING_PAGES else None)
        told, whose = {**_further(about), **(further or {})}, about.whose(comparison)
        spec, asking, pair = about.spec, about.asking, whose.pair
        ids = self._content_of(whose)
        named = view if about.models is None else _own_view(view)
        identity = digest([page, figure, named, pair or (whose if whose.base else None), asking, spec, told])
        return Making(
            page=page,
            figure=figure,
            identity=identity,
            created=time.time(),
            view=view,
            base=_side(whose.base, ids[0]) if whose.base else None,
            tuned=_side(whose.tuned, ids[1]) if whose.tuned else None,
            asked=self._asked(ids[1] or ids[0], asking, about.n) if asking else None,
            restoration=self._restoration(pair, spec) if pair and spec else None,
            further=told | about.so_far,
            algorithms={name: VERSIONS[name] for name in ALGORITHMS.get(page, ())},
            versions=package_versions(),
            command=self._command(page, pair, about) if command is None else command,
            grows=about.grows,
        )

    def _content_of(self, whose: Models) -> tuple[str, str]:
        """The content hashes of base and tuned, "" where there is no such side or its weights were never read."""
        if whose.pair is not None:
            base, tuned = self._ids(whose.pair) or ("", "")
            return whose.base_content or base, tuned
        if whose.base_content or not whose.base:
            return whose.base_content, ""
        ids = self._ids(Comparison(whose.base, whose.base))
        return (ids[0] if ids else ""), ""

    def _command(self, page: str, comparison: Comparison | None, about: About) -> str:
        """What to type; the texts of a comparison are written to a file that it names."""
        from analysis.report.pack import text_lines

        found = about.compared
        if about.command is not None or comparison is None:
            return about.command or ""
        if found is None:
            return commands.command(page, comparison, about.asking, about.spec, about.drawn)
        if not all(text.text or text.prompt for text in found.texts):  # an answer alone: no file may hold it
            return ""
        file = self.home / "findings" / "texts" / f"{digest(found.texts)[:16]}.jsonl"
        if not file.exists():
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                with whole_file(file) as partial:
                    partial.write_bytes(text_lines(map(asdict, found.texts)))
            except OSError as error:
                raise StoreError(
                    f"The texts could not be written to {file}: {error.strerror or error}. Free space there, or set "
                    "PALIMPSEST_HOME to another folder."
                ) from error
        return commands.divergence(comparison, file, found.state, found.against, found.generate)

    def _asked(self, content: str, asking: Asking, n: int | None) -> Asked:
        """The questions; `content` is the hash of the model they were put to."""
        found = self.question_set(asking)
        dtype = self._known_dtype(content, asking.dtype) if content else None
        fields = asdict(asking)
        source, prompt = fields.pop("questions"), fields.pop("prompt")
        asked = len(found.questions) if n is None else n
        return Asked(source, found.id, asked, prompt, fields, dtype or fields["dtype"])

    def _restoration(self, comparison: Comparison, spec: RestoreSpec) -> Restoration:
        known = self.known_profile(comparison, spec.arithmetic) is not None
        count = self.known_count(comparison, spec) if known else None
        settings = {"scope": spec.scope, "layers": spec.layers, "modules": spec.modules, "among": spec.among}
        effective = count.effective_percent if count else None
        return Restoration(
            spec.strategy, float(spec.percent), spec.arithmetic, spec.seed, spec.region, settings, effective
        )

    def earlier_pin(self, finding: Finding) -> Placed | None:
        """What was pinned of the same figure before: the very same content, else the latest; None without any."""
        alike = [
            each
            for each in self.findings.all()
            if each.finding.making.identity == finding.making.identity and not each.unreadable
        ]
        same = (each for each in alike if each.finding.id == finding.id)
        return next(same, max(alike, key=lambda each: each.finding.making.created, default=None))

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
        """Named by all that is in it: of what is pinned again with the same content, only the small print changes."""
        named = [
            [each.finding.id, each.finding.making.created, each.unreadable, each.section, each.note, each.news]
            for each in placed
        ]
        version = package_versions().get("palimpsest")
        return self.home / "findings" / f"report-{digest([named, self.findings.title(), version])[:16]}.zip"

    def report_findings(self) -> tuple[Placed, ...]:
        """The report's findings in order, each with what has changed since it was pinned; without their data."""
        placed = self.findings.all()
        seen = Seen(placed)
        return tuple(replace(each, news=self.news(each.finding.making, seen)) for each in placed)


def _further(about: About) -> dict[str, Any]:
    """What of it has no place of its own in a making."""
    found = about.compared
    if found is None:
        return about.further
    restored = isinstance(found.state, RestoreSpec)
    told: dict[str, Any] = {"texts": f"{len(found.texts):,} {found.source}"}
    told["compared"] = f"{'restored' if restored else 'tuned'} ‖ {found.against}"
    if about.asking is None:  # no hash of questions stands for them
        told["texts' hash"] = digest(found.texts)
    if found.generate:
        told["new tokens, at most"] = found.generate
    return told | about.further


def _own_view(view: str) -> str:
    """An address without what the session looks at on every page: a figure of other models does not hang on it."""
    return urlencode([(name, value) for name, value in parse_qsl(view, keep_blank_values=True) if name not in _ACTIVE])


def _side(source: str, content: str) -> Side:
    return Side(Path(source).name or source, source, content)


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
