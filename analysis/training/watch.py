"""Carries Trainer's steps to a Progress, its cancelling back, and says when a checkpoint is due."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from analysis.errors import Cancelled
from analysis.records import Progress
from analysis.training.curve import Curve
from analysis.training.resuming import PREFIX, whole_checkpoint
from analysis.training.together import on_any

if TYPE_CHECKING:
    from analysis.training.trainer import Saving

SAVING_SHARE = 0.05  # of the time: writing a checkpoint of a large model takes minutes


class Watch(TrainerCallback):  # type: ignore[misc]  # transformers is not followed by mypy
    """Reports each step with the latest loss, and ends the training between two steps when nobody wants it any more.

    With `saving` it then leaves a checkpoint, as it does every so many seconds; without, it raises Cancelled. Several
    processes do either at the same step: what one of them wants, all do.
    """

    def __init__(self, trainer: Any, progress: Progress, saving: Saving | None) -> None:
        self.curve = Curve(1)
        self.cancelled = False
        self._trainer = trainer
        self._progress = progress
        self._saving = saving
        self._first_step = 0
        self._before = 0.0
        self._started = self._saved = self._asked_at = time.perf_counter()
        self._saving_took = 0.0

    @property
    def seconds(self) -> float:
        """Seconds of training, those before it was taken up again included."""
        return self._before + time.perf_counter() - self._started

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Go on with what the checkpoint kept."""
        del args, control
        self.curve = self._trainer.curve = Curve(state.max_steps)
        kept = self._saving.place.kept if self._saving else None
        if kept is not None:
            self.curve.restore(kept["curve"])
            self._before, self._first_step = float(kept["seconds"]), int(state.global_step)
        self._started = self._saved = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Say how far it is; the last hundredth is loading and saving."""
        del args
        if self.curve.due(state.global_step):
            self.curve.take(state.global_step)
        so_far = self.curve.so_far(state.global_step)
        loss = f", loss {so_far.last:.3f}" if so_far.last is not None else ""
        note = f"fine-tuning, step {state.global_step} of {state.max_steps}{loss}"
        done = (state.global_step - self._first_step) / max(1, state.max_steps - self._first_step)
        self._progress.report(0.99 * done, 1, note, so_far)
        self.cancelled = on_any(self._progress.cancelled())
        if self.cancelled:
            if self._saving is None:
                raise Cancelled("Cancelled.")
            control.should_save = control.should_training_stop = True
        elif self._saving is not None and state.global_step < state.max_steps and on_any(self._due()):
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The checkpoint just written is whole: every process has said that its part is there (Tuner)."""
        del args, control
        if self._saving is None:
            return
        folder = self._saving.place.folder / f"{PREFIX}{state.global_step}"
        kept = {"step": state.global_step, "seconds": self.seconds, "curve": self.curve.state()}
        if state.is_world_process_zero and folder.is_dir():  # absent where the disk was full
            whole_checkpoint(folder, kept)
        now = time.perf_counter()
        self._saving_took, self._saved = now - self._asked_at, now

    def _due(self) -> bool:
        """Whether it is time for a checkpoint; slow ones are written less often. With 0 seconds it always is."""
        self._asked_at = time.perf_counter()
        wanted = self._saving.seconds if self._saving else 0.0
        return self._asked_at - self._saved >= (max(wanted, self._saving_took / SAVING_SHARE) if wanted else 0.0)
