"""Records of a pair's weights: what its headers say, and what a restoration is and counts."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from analysis.errors import SpecError

Region = Literal["transformer", "embedding", "attention", "mlp", "all"]
Arithmetic = Literal["exact", "paper"]
Scope = Literal["global", "tensor"]
Among = Literal["all", "changed"]
Select = Literal["relative-top", "relative-bottom", "random", "absolute-top", "absolute-bottom", "small-base"]
Blending = Literal["interpolation", "layer-scaled", "drop-rescale", "spectral"]
Strategy = Literal[Select, Blending]
Level = Literal["error", "warning", "info"]

REGIONS: tuple[Region, ...] = get_args(Region)
SELECTS: tuple[Select, ...] = get_args(Select)  # choose weights and copy base or tuned bit for bit
BLENDS: tuple[Blending, ...] = get_args(Blending)  # scale the update: new values, rounded to the stored dtype
SEEDED: tuple[Strategy, ...] = ("random", "drop-rescale")  # draw lots: another seed is another restoration
MAY_PICK_UNCHANGED: tuple[Strategy, ...] = ("random", "relative-bottom", "absolute-bottom")
STRATEGIES: tuple[Strategy, ...] = (*SELECTS, *BLENDS)
PAPER_PERCENTS: tuple[float, ...] = (1, 3, 5, 10, 20, 40, 60)


@dataclass(frozen=True)
class Finding:
    """One thing `check` noticed, with the tensors (or files) it is about."""

    level: Level
    code: str
    message: str
    tensors: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckReport:
    """What the headers of a pair say, before any weight is read."""

    comparable: bool
    findings: tuple[Finding, ...]
    parameters: int
    region_parameters: dict[Region, int]
    dtype: dict[str, str]  # {"base": "bfloat16", "tuned": "bfloat16"}
    seconds: float


@dataclass(frozen=True)
class RestoreSpec:
    """Which parameters go back to their base values: the recipe of one slider position.

    `percent` in [0, 100] is the share of the region's parameters. `layers` (numbers) and `modules` (kinds: q, k, v, o,
    gate, up, down, ...) narrow the region, None means all; both are kept sorted. `seed` orders ties and draws lots.
    `among`: with "changed" only weights with s != p are candidates, and the count is min(floor(n * k / 100), changed):
    a control that really changes as much as relative-top does.

    Strategies of BLENDS rank nothing: for them percent is the share of the update taken back, and scope, arithmetic and
    among mean nothing.
    """

    percent: float
    strategy: Strategy = "relative-top"
    region: Region = "transformer"
    scope: Scope = "global"
    layers: tuple[int, ...] | None = None
    arithmetic: Arithmetic = "exact"
    seed: int = 0
    modules: tuple[str, ...] | None = None
    among: Among = "all"

    def __post_init__(self) -> None:
        for name in ("layers", "modules"):  # the same set is the same spec, whatever its order or how it was stored
            value = getattr(self, name)
            object.__setattr__(self, name, tuple(sorted(set(value))) if value is not None else None)
        problems = []
        if not (isinstance(self.percent, int | float) and 0 <= self.percent <= 100):
            problems.append(f"percent is {self.percent!r}: give a number from 0 to 100")
        for name, allowed in (
            ("strategy", STRATEGIES),
            ("region", REGIONS),
            ("scope", get_args(Scope)),
            ("arithmetic", get_args(Arithmetic)),
            ("among", get_args(Among)),
        ):
            if getattr(self, name) not in allowed:
                problems.append(f"{name} is {getattr(self, name)!r}: choose one of {', '.join(allowed)}")
        if problems:
            raise SpecError("This restoration cannot be done as asked.", items=problems)

    def canonical(self) -> RestoreSpec:
        """The same restoration, every setting that means nothing to its strategy at its default.

        Blends rank nothing, and only lots need their seed; among the changed weights matters to no strategy that puts
        these first anyway.
        """
        changes: dict[str, Any] = {} if self.strategy in MAY_PICK_UNCHANGED else {"among": "all"}
        if self.strategy in BLENDS:
            changes |= {"scope": "global", "arithmetic": "exact"} | ({} if self.strategy in SEEDED else {"seed": 0})
        return replace(self, **changes)

    def identity(self) -> dict[str, Any]:
        """What tells this spec from others, for hashes and keys; later fields are left out at their default."""
        fields = asdict(self) | {"percent": float(self.percent)}
        return {name: value for name, value in fields.items() if (name, value) not in _LATER_DEFAULTS}


_LATER_DEFAULTS = (("modules", None), ("among", "all"))


@dataclass(frozen=True)
class Realised:
    """What a restoration's values came to be once stored in the tuned dtype.

    The first four count the weights that fine-tuning changed (s != p): stored as the base's value, as the tuned one,
    strictly between, or beyond one of them. `moved`: of ALL chosen weights, those stored other than tuned.
    """

    to_base: int
    to_tuned: int
    between: int
    beyond: int
    moved: int
    moved_squares: float  # sum of (out - s)^2
    update_squares: float  # sum of (s - p)^2, both as stored in the tuned dtype

    @property
    def rounded_fraction(self) -> float:
        """Share of the changed weights whose blend is stored as the base's or the tuned value, 0-1; NaN without any."""
        changed = self.to_base + self.to_tuned + self.between + self.beyond
        return (self.to_base + self.to_tuned) / changed if changed else math.nan

    @property
    def l2_percent(self) -> float:
        """100 sum (out - s)^2 / sum (s - p)^2: how far from tuned, of the way to the base. Over 100 where rescaled."""
        return 100.0 * self.moved_squares / self.update_squares if self.update_squares else 0.0


@dataclass(frozen=True)
class RestoreCount:
    """How many parameters a spec restores and where they lie; what the slider shows before any evaluation.

    `threshold` is the smallest key value restored (relative change r for relative-top), None where the strategy
    has none. `ties_restored` of `ties` parameters exactly at the threshold are restored. `effective_percent` is
    the share of the region whose value really changes by this restoration (restored and s != p).

    For a blend `count` is how many changed weights its formula moves off the tuned value, `effective_count` how many
    stored values really differ from it, and `realised` says where rounding put them.
    """

    spec: RestoreSpec
    region_parameters: int
    count: int
    threshold: float | None
    ties: int
    ties_restored: int
    effective_count: int
    changed_count: int  # of the region: parameters with s != p, the most any restoration can change
    by_layer: dict[int, int]
    by_module: dict[str, int]
    realised: Realised | None = None  # of blends always; of choices of weights where they were looked at

    @property
    def changed_percent(self) -> float:
        """Share of the region's parameters that fine-tuning changed at all, 0-100: the cliff."""
        return 100.0 * self.changed_count / self.region_parameters if self.region_parameters else 0.0

    @property
    def effective_l2_percent(self) -> float | None:
        """How far the values move from tuned, as a share of the squared distance to the base; None where not looked."""
        return self.realised.l2_percent if self.realised else None

    @property
    def effective_percent(self) -> float:
        """Share of the region's parameters that this restoration really changes, 0-100."""
        return 100.0 * self.effective_count / self.region_parameters if self.region_parameters else 0.0
