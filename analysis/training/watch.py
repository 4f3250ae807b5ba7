"""Carries Trainer's steps to a Progress, and its cancelling back: the one callback of ours inside Trainer."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from analysis.records import Progress, check_cancelled


class Watch(TrainerCallback):  # type: ignore[misc]  # transformers is not followed by mypy
    """Reports each step with the latest loss; raises Cancelled between steps when nobody wants the model any more."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._note = "fine-tuning"

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Keep the loss for the next report."""
        del args, state, control
        if logs and "loss" in logs:
            self._note = f"fine-tuning, loss {float(logs['loss']):.3f}"

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Say how far it is; the last hundredth is loading and saving."""
        del args, control
        check_cancelled(self._progress)
        self._progress.report(0.99 * state.global_step / state.max_steps, 1, self._note)
