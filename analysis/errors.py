"""Every error a user can cause, as one family.

An error names the thing, the reason and the way out. Pages and the command line catch `PalimpsestError` and
nothing wider; whatever else is raised is a defect of ours and is shown as one.
"""

from collections.abc import Sequence


class PalimpsestError(Exception):
    """Bad input or a refused request: a stable `code`, a `message` for people, and every offender in `items`."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None, items: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.items = tuple(items)

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  - {item}" for item in self.items)])


class CheckpointError(PalimpsestError):
    """A folder or file that cannot be read as a checkpoint."""

    code = "checkpoint"


class PairError(PalimpsestError):
    """Two checkpoints that cannot be compared."""

    code = "pair"


class QuestionError(PalimpsestError):
    """A question file that cannot be used."""

    code = "questions"


class SpecError(PalimpsestError):
    """A setting outside its range: a percentage, a strategy, a region, a prompt."""

    code = "setting"


class StoreError(PalimpsestError):
    """The results store cannot be read or written."""

    code = "store"


class LanguageError(PalimpsestError):
    """A model or tokenizer that cannot be loaded or run as asked."""

    code = "language"


class TrainingError(PalimpsestError):
    """A fine-tuning that cannot be run as asked."""

    code = "training"


class Cancelled(PalimpsestError):
    """The person who asked for this work no longer wants it."""

    code = "cancelled"
