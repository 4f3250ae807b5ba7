"""What each model fine-tuned here was asked for with, by its folder: the paths that its card does not hold."""

from dataclasses import asdict
from pathlib import Path

import msgspec

from cache.recent import Recent
from cache.training import FineTuned, Training


class Trainings:
    """The fine-tunings asked for in one home folder."""

    def __init__(self, home: Path) -> None:
        self._kept = Recent(home, "trainings.json")

    def add(self, tuned: FineTuned, asked: Training) -> None:
        """Keep what a model was asked for with."""
        self._kept.add({"folder": tuned.folder.name, "asked": asdict(asked)})

    def of(self, tuned: FineTuned) -> Training | None:
        """What a model was asked for with, the last time; None where that is not known."""
        for entry in self._kept.read():
            if entry.get("folder") == tuned.folder.name:
                try:
                    return msgspec.convert(entry.get("asked"), Training)
                except msgspec.ValidationError:  # by another version
                    return None
        return None
