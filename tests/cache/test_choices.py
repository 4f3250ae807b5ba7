"""The choice among stored stops: made of what is there, never by asking a model."""

from dataclasses import replace
from typing import Any

import pytest

from analysis.knowledge.choice import in_choosing_half
from analysis.records import RestoreSpec, ResultKey
from cache.work import Asking, Comparison, Workspace


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tmp_path_factory.mktemp("home")


def test_the_best_known_stop_is_chosen_on_one_half_and_reported_on_the_other(tiny_pair: Any, home: Any) -> None:
    workspace = Workspace(home)
    pair, asking = Comparison(str(tiny_pair.base), str(tiny_pair.tuned)), Asking(str(tiny_pair.questions))
    specs = [RestoreSpec(20.0), RestoreSpec(60.0)]
    assert workspace.known_choice(pair, asking, specs[0]) is None
    workspace.stop(pair, specs[0], asking)
    (entry,) = workspace.store.entries("evaluation")[-1:]
    older = ResultKey(entry.kind, entry.version - 1, entry.parts)
    workspace.store.put(older, workspace.store.get(replace(older, version=entry.version)))  # type: ignore[arg-type]
    assert len(workspace.known_stops(pair, asking)) == 1
    assert workspace.known_choice(pair, asking, specs[0]) is None  # one stop: nothing to choose
    workspace.stop(pair, specs[1], asking)
    workspace.stop(pair, replace(specs[1], strategy="random"), asking)  # another kind takes no part
    choice = Workspace(home).known_choice(pair, asking, replace(specs[0], percent=5.0))
    assert choice is not None
    shares = {}
    for spec in (RestoreSpec(0.0), *specs):
        rows = workspace.known_evaluation(pair, spec, asking).rows  # type: ignore[union-attr]
        half = [row.correct["contains"] for row in rows if in_choosing_half(row.id)]
        shares[spec.percent] = sum(half) / len(half)
    assert choice.choose_accuracy == max(shares.values())
    assert shares[choice.choose_best_percent] == choice.choose_accuracy
    assert choice.chosen_on == "half" and choice.choose_n + choice.report_n == 80
    assert workspace.known_choice(pair, asking, specs[0]) == choice
