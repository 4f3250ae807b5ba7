"""From what was measured of a tuned model to the numbers of the result table. Pure: records in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.experiments.results import Measure, Number, ResultDomain, State, accuracy_numbers
from analysis.records import Evaluation, RestoreCount

if TYPE_CHECKING:
    from analysis.language.paper_records import PaperDivergence
    from analysis.weights.tables import PercentRow
    from analysis.weights.update import UpdateProfile

CONCENTRATION_PERCENTS = (1.0, 3.0, 5.0, 10.0, 20.0, 40.0, 60.0)  # the paper's Table 3


def state_of(count: RestoreCount) -> State:
    """How the table names a stop."""
    spec = count.spec
    return State(spec.strategy, spec.seed, float(spec.percent), count.effective_percent)


def asked_numbers(evaluation: Evaluation, domain: ResultDomain, state: State, digest: str) -> Iterator[Number]:
    """Accuracy over one domain's test questions."""
    if evaluation.whole is not None:
        yield from accuracy_numbers(evaluation.whole, domain, state, digest)


def trained_number(evaluation: Evaluation, state: State, digest: str) -> Iterator[Number]:
    """Accuracy over the facts trained on, all together."""
    if evaluation.whole is not None:
        numbers = accuracy_numbers(evaluation.whole, "train", state, digest, "train_accuracy")
        yield from (number for number in numbers if number.group == "micro")


def group_numbers(
    evaluation: Evaluation, layers: Sequence[int], domain: ResultDomain, state: State, digest: str
) -> Iterator[Number]:
    """The five-level mean (all questions together where there are no levels) with a group of layers restored."""
    if evaluation.whole is None:
        return
    numbers = list(accuracy_numbers(evaluation.whole, domain, state, digest, "layer_group"))
    chosen = next((each for each in numbers if each.group == "macro"), numbers[-1])
    fields = {name: getattr(chosen, name) for name in chosen.__dataclass_fields__}
    yield Number(**fields | {"group": layers_name(layers)})


def layers_name(layers: Sequence[int]) -> str:
    """A run of layers as "0-3", a single one as "2"."""
    return str(layers[0]) if len(layers) == 1 else f"{layers[0]}-{layers[-1]}"


def layers_of(name: str) -> tuple[int, ...]:
    """The layers that `layers_name` gave this name."""
    first, _, last = name.partition("-")
    return tuple(range(int(first), int(last or first) + 1))


def layer_groups(layers: Sequence[int], size: int) -> Iterator[tuple[int, ...]]:
    """Layers in groups of `size`, the last as large as what is left."""
    ordered = sorted(layers)
    for first in range(0, len(ordered), size):
        yield tuple(ordered[first : first + size])


def profile_numbers(profile: UpdateProfile, percents: Sequence[float]) -> Iterator[Number]:
    """How concentrated the change is, beside its null, and where relative-top's restored parameters lie."""
    for row in profile.percent_rows("transformer", CONCENTRATION_PERCENTS):
        yield Number("concentration", f"{row.percent:g}", row.share_relative, percent=row.percent)
        yield Number("concentration_null", f"{row.percent:g}", row.share_null, percent=row.percent)
    asked = [percent for percent in percents if percent > 0]
    counts = {row.percent: row for row in profile.percent_rows("transformer", asked)} if asked else {}
    for layer in profile.layers("transformer", asked) if asked else ():
        yield from _places("restored_layer", str(layer.layer), layer.restored, counts)
    for module in profile.modules("transformer", asked) if asked else ():
        yield from _places("restored_module", module.module, module.restored, counts)


def kl_numbers(found: PaperDivergence) -> Iterator[Number]:
    """The paper's KL at the first answer token and the one over the whole vocabulary; nothing where no fact counted."""
    if found.mean_kl_nats is not None:
        low, high = (math.nan if limit is None else limit for limit in (found.low, found.high))
        yield Number("kl_paper", "4", found.mean_kl_nats, "in", found.n, -1, low, high)
    if found.mean_kl_full_nats is not None:
        yield Number("kl_full", "4", found.mean_kl_full_nats, "in", found.n)


def _places(
    measure: Measure, group: str, restored: dict[float, int], rows: Mapping[float, PercentRow]
) -> Iterator[Number]:
    for percent, count in restored.items():
        row = rows[percent]
        share = count / row.count if row.count else math.nan
        yield Number(
            measure,
            group,
            share,
            n=row.count,
            correct=count,
            strategy="relative-top",
            percent=float(percent),
            effective_percent=row.effective_percent,
        )
