"""Reads a plan from TOML, strictly: every unknown key, wrong type and impossible value is told at once.

Layout: `name`, `base`, `questions`, `mastery`, `prompt`, `dtype`, `train_relations` at the top; the tables [train],
[restore], [measure] and [run] hold the fields of the records in `plan.py`. Paths are relative to the plan's folder.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec

from analysis.errors import PalimpsestError, SpecError
from analysis.experiments.data import missing_files
from analysis.experiments.plan import Measuring, Plan, Restoring, Running, Training
from analysis.training.variants import VARIANT_NAMES, Variant

Record = TypeVar("Record")
TOP = ("name", "base", "questions", "mastery", "prompt", "dtype", "train_relations")
TABLES: dict[str, type[Any]] = {"train": Training, "restore": Restoring, "measure": Measuring, "run": Running}
# the plan's own check names the choices
CHECKED_LATER: dict[str, Any] = {"strategies": tuple[str, ...], "keep": str, "device": str, "precision": str}

KINDS = {  # of values, as people who write TOML call them; "null" is a line left out
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "array": "a list",
    "object": "a table",
}


@dataclass
class _Reader:
    """Collects what is wrong while reading on."""

    folder: Path
    problems: list[str] = field(default_factory=list)

    def section(self, name: str, kind: type[Record], table: Mapping[str, Any]) -> Record:
        """A record from its table; a field that does not work keeps its default."""
        hints = get_type_hints(kind)
        known = [each.name for each in fields(kind) if (name, each.name) != ("train", "relations")]  # type: ignore[arg-type]
        taken = {}
        for key, value in table.items():
            if key not in known:
                self._unknown(f"{name}.{key}", key, known)
            elif (found := self.value(f"{name}.{key}", value, CHECKED_LATER.get(key, hints[key]))) is not None:
                taken[key] = found
        return kind(**taken)

    def top(self, table: Mapping[str, Any]) -> dict[str, str]:
        """The texts at the head of the file."""
        for key in table:
            if key not in (*TOP, *TABLES):
                self._unknown(key, key, [*TOP, *TABLES])
        texts = {key: table[key] for key in TOP if key in table and key != "train_relations"}
        for key, value in list(texts.items()):
            if not isinstance(value, str) or not value.strip():
                self.problems.append(f"{key} is {value!r}: give a text")
                del texts[key]
        self.problems += [
            f"{key} is missing: {way}"
            for key, way in (("base", "name a folder or a Hugging Face id"), ("questions", "name a file or folder"))
            if key not in table
        ]
        return texts

    def path(self, text: str) -> str:
        """A path as it can be opened from anywhere; what is no path beside the plan (a hub id) stays as it is."""
        found = Path(text).expanduser()
        beside = found if found.is_absolute() else self.folder / found
        return str(beside.resolve()) if beside.exists() or found.is_absolute() else text

    def _unknown(self, told: str, key: str, known: list[str]) -> None:
        near = get_close_matches(key, known, n=1)
        way = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        self.problems.append(f"{told} is no key of a plan: {way}")

    def value(self, told: str, value: Any, hint: Any) -> Any:
        """The value as its record wants it; None, and a problem, where it cannot be."""
        if told == "train.levels" and isinstance(value, list):
            value = [str(each) if isinstance(each, int) and not isinstance(each, bool) else each for each in value]
        if told == "train.variants" and isinstance(value, list):
            return self.variants(told, value)
        try:
            return msgspec.convert(value, hint)
        except msgspec.ValidationError as error:
            self.problems.append(f"{told} is {value!r}: {_reason(error)}")
        return None

    def variants(self, told: str, values: list[Any]) -> tuple[Variant, ...] | None:
        """The ways of fine-tuning; None where one of them cannot be, with a problem of each that cannot."""
        found = []
        for value in values:
            try:
                found.append(_variant(value))
            except msgspec.ValidationError as error:
                self.problems.append(f"{told} holds {value!r}: {_reason(error)}")
            except PalimpsestError as error:
                self.problems.append(f"{told}: {error.message} {'; '.join(error.items)}".strip())
        return tuple(found) if len(found) == len(values) else None


def read_plan(file: str | Path) -> Plan:
    """The plan in a TOML file; SpecError with everything wrong in it."""
    path = Path(file).expanduser()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"The plan {path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    return parse_plan(text, folder=path.resolve().parent, name=path.stem)


def parse_plan(text: str, *, folder: Path, name: str = "plan") -> Plan:
    """The plan in a text; its relative paths begin at `folder`, and it is called `name` where it does not say."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"The plan {name} is no TOML: {error}.") from error
    reader = _Reader(folder)
    texts: dict[str, Any] = {"name": name} | reader.top(table)
    sections: dict[str, Any] = {
        each: reader.section(each, kind, _table(reader, table, each)) for each, kind in TABLES.items()
    }
    relations = reader.value("train_relations", table.get("train_relations"), tuple[str, ...] | None)
    if relations is not None:
        sections["train"] = replace(sections["train"], relations=relations)
    for key in ("base", "questions", "mastery"):
        texts[key] = reader.path(texts[key]) if key in texts else ""
    texts["mastery"] = texts["mastery"] or None
    plan: Plan | None
    try:
        plan = Plan(**texts, **sections)
    except SpecError as error:
        reader.problems += error.items
        plan = None
    if plan is None or reader.problems:
        missing = missing_files(texts["questions"], texts["mastery"])
        raise SpecError(f"The plan {name} cannot be run as written.", items=[*reader.problems, *missing])
    return plan


def _table(reader: _Reader, table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = table.get(name, {})
    if isinstance(found, dict):
        return found
    reader.problems.append(f"{name} is {found!r}: write it as a table, [{name}]")
    return {}


def _variant(told: Any) -> Variant:
    """A variant from its name, or from a table with its settings."""
    asked = {"name": told} if isinstance(told, str) else told
    if not isinstance(asked, dict) or "name" not in asked:
        raise SpecError(f'{told!r} is no variant: write a name, or {{name = "l2sp", strength = 0.01}}')
    known = [each.name for each in fields(Variant)]
    if unknown := [key for key in asked if key not in known]:
        raise SpecError(f"{asked['name']} has no setting {', '.join(unknown)}: known are {', '.join(known)}")
    if asked["name"] not in VARIANT_NAMES:
        raise SpecError(f"no variant is called {asked['name']!r}: choose of {', '.join(VARIANT_NAMES)}")
    return msgspec.convert(asked, Variant)


def _reason(error: msgspec.ValidationError) -> str:
    """What is wrong with a value, its place in a list counted from one."""
    told, _, place = str(error).partition(" - at `$")
    number = place.strip("[]`.")
    told = re.sub("`([^`]*)`", lambda kinds: _kind_words(kinds[1].split(" | ")), told)
    return (told[0].lower() + told[1:]) + (f" (entry {int(number) + 1})" if number.isdigit() else "")


def _kind_words(kinds: list[str]) -> str:
    return " or ".join(KINDS.get(kind, kind) for kind in kinds if kind != "null")
