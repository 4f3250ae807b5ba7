"""One parameter in both models: the unit that is streamed, ranked and restored."""

from dataclasses import dataclass
from functools import cached_property

from analysis.weights.headers import TensorEntry
from analysis.weights.names import Place, place


@dataclass(frozen=True)
class PairedTensor:
    """One parameter in both models; `name` is the tuned side's canonical name."""

    name: str
    base: TensorEntry
    tuned: TensorEntry

    @cached_property
    def place(self) -> Place:
        """Layer, module kind and regions."""
        return place(self.name)

    @property
    def elements(self) -> int:
        """Number of values, the same on both sides."""
        return self.tuned.elements
