"""The loss as training goes: added up on the device, brought to the processor only where a point is due.

Each of several processes adds up its own share; a point is the mean of all. Knows neither Trainer nor the screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analysis.errors import TrainingError
from analysis.training.together import from_all, place

POINTS = 50  # of a curve, about
Point = tuple[int, float]


@dataclass(frozen=True)
class TrainingSoFar:
    """A training under way: `step` of `steps` done, and the loss curve as SftReport has it."""

    step: int
    steps: int
    loss: tuple[Point, ...]

    @property
    def last(self) -> float | None:
        """The newest point's loss, in nats an answer token; None before the first."""
        return self.loss[-1][1] if self.loss else None


class Curve:
    """(step, mean loss since the last point), about POINTS of them and one at the last step."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.every = max(1, steps // POINTS)
        self.points: list[Point] = []
        self._sum: Any = 0.0

    def add(self, loss: Any) -> None:
        """A step's loss, or its part of a batch taken in several, a tensor of one value; nothing waits for it."""
        self._sum = self._sum + loss

    def due(self, step: int) -> bool:
        """Whether a point belongs at this step."""
        return step % self.every == 0 or step == self.steps

    def take(self, step: int) -> None:
        """Make the point that belongs here; TrainingError where the loss is no number any more."""
        before = self.points[-1][0] if self.points else 0
        sums = from_all(float(self._sum))
        mean = sum(sums) / len(sums) / max(1, step - before)
        if mean != mean or mean in (float("inf"), float("-inf")):
            raise TrainingError(
                f"The loss is no number any more at step {step} of {self.steps}: the training ran away. Lower the "
                "learning rate, or the variant's strength.",
                code="diverged",
            )
        self.points.append((step, mean))
        self._sum = 0.0

    def so_far(self, step: int) -> TrainingSoFar:
        """The curve for whoever watches."""
        return TrainingSoFar(step, self.steps, tuple(self.points))

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of it, and of every process's; a float written as JSON comes back the same."""
        return {"points": self.points, "sums": from_all(float(self._sum))}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what a checkpoint kept."""
        self.points = [(int(step), float(loss)) for step, loss in state["points"]]
        self._sum = float(state["sums"][place()])
