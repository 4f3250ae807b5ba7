"""A short measurement: a small cell of a plan in a home of its own, to tell how long the others will take.

A smaller one goes before it in the same process, so that what is paid once (loading libraries) is not counted.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from analysis.errors import SpecError
from analysis.experiments.estimate import Rates, rates_from
from analysis.experiments.plan import Measuring, Plan, Restoring
from analysis.experiments.survey import survey
from analysis.records import Progress
from analysis.weights.identity import Forgetful
from cache.experiments.keys import keyed_plan
from cache.experiments.local import LocalEngine
from cache.store import Store

WARM_UP, SAMPLES, QUESTIONS = 8, 64, 200
WORDS = "measuring one small cell, to tell the time of the others"


def probe(plan: Plan, progress: Progress) -> Rates:
    """Seconds a unit of work, from one cell of few samples and questions; SpecError where even that does not run."""
    progress.report(0, 2, WORDS)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        engine = LocalEngine(home, 1)
        kept = keyed_plan(_small(plan), survey(_small(plan), home, Forgetful()), engine.device(plan.run))
        *_, first, cell = kept.cells
        for event in engine.run([first, cell], plan.run, progress.cancelled):
            if event.kind == "progress":
                progress.report((event.digest == cell.digest) + event.fraction, 2, WORDS)
            if event.kind == "failed":
                raise SpecError(f"A small cell of the plan {plan.name} failed: {event.note}")
        document = Store(home).document(cell.key) or {}
    seconds = sum(document.get("seconds", {}).values())
    source = f"one small cell measured just now, {seconds:.0f} s"
    rates = rates_from([(document.get("seconds", {}), document.get("units", {}))], source)
    if rates is None:
        raise SpecError(f"The small measurement for the plan {plan.name} was cut short.")
    return rates


def _small(plan: Plan) -> Plan:
    train = plan.train
    size = min([SAMPLES, *(size for size in train.sizes if size)])
    sizes = (min(WARM_UP, size - 1), size) if size > 1 else (size,)
    measure = plan.measure
    return replace(
        plan,
        train=replace(train, levels=train.levels[:1], sizes=sizes, seeds=train.seeds[:1], variants=train.variants[:1]),
        restore=Restoring(plan.restore.percents[:2], plan.restore.strategies[:1], plan.restore.seeds[:1]),
        measure=Measuring(
            _fewer(measure.in_domain),
            _fewer(measure.out_of_domain),
            measure.draw_seed,
            measure.train_percents[:1],
            _fewer(measure.train_limit),
            kl=False,
            profile=measure.profile,
            layer_groups=0,
        ),
        run=replace(plan.run, keep="drop"),
    )


def _fewer(limit: int | None) -> int:
    return QUESTIONS if limit is None else min(limit, QUESTIONS)
