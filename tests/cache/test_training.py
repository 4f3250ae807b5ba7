"""Fine-tuning through the workspace: found again by what made it, gone on with, listed, and told before it runs."""

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.demo.world import SHIPPED, DemoFiles
from analysis.errors import Cancelled, TrainingError
from analysis.records import Silent
from analysis.training.variants import Variant
from analysis.weights.difference import pack
from cache.asked import Comparison
from cache.training import Training
from cache.work import Workspace


@pytest.fixture
def home(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home")


@pytest.fixture
def wanted(tiny_pair) -> Training:  # type: ignore[no-untyped-def]
    return Training(str(tiny_pair.base), str(tiny_pair.questions), size=8, level=0, batch_size=4, threads=1)


class CancelledAtOnce(Silent):
    """Nobody wants it once the first step is done."""

    steps = 0

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        self.steps += partial is not None

    def cancelled(self) -> bool:
        return self.steps > 0


def test_the_same_asked_again_is_what_is_there_and_anything_else_is_made(home: Workspace, wanted: Training) -> None:
    assert home.known_fine_tuned(wanted) is None
    tuned = home.fine_tune(wanted)
    written = {path: path.stat().st_mtime_ns for path in tuned.folder.iterdir()}
    assert home.fine_tune(wanted) == home.known_fine_tuned(wanted) == tuned
    assert {path: path.stat().st_mtime_ns for path in tuned.folder.iterdir()} == written
    others = [replace(wanted, seed=1), replace(wanted, variant=Variant("l2sp")), replace(wanted, batch_size=2)]
    others += [replace(wanted, precision="bfloat16"), replace(wanted, accumulate=2)]
    assert home.known_fine_tuned(replace(wanted, precision="float32", device="cpu")) == tuned  # as auto is here
    for other in others:
        assert home.known_fine_tuned(other) is None
    assert tuned.folder.name.startswith("level-0-8-seed-0-")


def test_a_tuned_model_is_listed_with_its_base_and_heads_the_recent_pairs(home: Workspace, wanted: Training) -> None:
    tuned = home.fine_tune(wanted)
    assert home.fine_tuned() == home.fine_tuned(wanted.base) == (tuned,)
    assert home.fine_tuned("/another/base") == ()
    assert home.recent()[0] == tuned.pair == Comparison(wanted.base, str(tuned.folder))
    assert home.check(tuned.pair.base, tuned.pair.tuned).comparable
    pack(wanted.base, tuned.folder, tuned.folder.with_name("another.difference"), ids=("base", "tuned"))
    assert home.fine_tuned() == (tuned,)  # what a plan keeps as a difference is no model to open


def test_what_a_model_was_asked_for_with_is_found_again_by_another_process(home: Workspace, wanted: Training) -> None:
    asked = replace(wanted, mix=((0, 0.5), (4, 0.5)), level=None, variant=Variant("restoring", 5, (0,), ("q",), 2))
    tuned = home.fine_tune(asked)
    assert Workspace(home.home).trainings.of(tuned) == asked
    assert home.trainings.of(replace(tuned, folder=tuned.folder.with_name("another"))) is None


@pytest.mark.slow
def test_one_that_was_cancelled_goes_on_where_it_was(home: Workspace, wanted: Training) -> None:
    with pytest.raises(Cancelled):
        home.fine_tune(wanted, progress=CancelledAtOnce())
    assert home.fine_tuned() == ()
    assert home.fine_tune(wanted).card.resumed


@pytest.mark.slow
def test_into_a_folder_of_ones_own_it_goes_there(home: Workspace, wanted: Training, tmp_path: Path) -> None:
    tuned = home.fine_tune(wanted, tmp_path / "mine")
    assert tuned.folder == tmp_path / "mine" and (tmp_path / "mine" / "model.safetensors").is_file()
    with pytest.raises(TrainingError, match="exists already"):
        home.fine_tune(wanted, tmp_path / "mine")


def test_what_it_will_take_is_told_by_the_trainings_before(home: Workspace, wanted: Training) -> None:
    before = home.outlook(wanted)
    assert (before.n, before.steps, before.by_level, before.seconds) == (8, 2, {"0": 8}, None)
    card = home.fine_tune(wanted).card
    after = home.outlook(replace(wanted, level=None, size=12))
    assert after.seconds == pytest.approx(3 * card.seconds / card.steps) and after.timed == 1


def test_what_cannot_be_is_told_by_the_outlook_all_at_once(home: Workspace, wanted: Training) -> None:
    with pytest.raises(TrainingError) as caught:
        home.outlook(replace(wanted, size=10_000, learning_rate=2.0, variant=Variant("freeze", layers=(9,))))
    assert len(caught.value.items) == 3
    assert not (home.home / "tuned").exists()


def test_the_demos_base_has_its_own_learning_rate_in_a_home_where_nothing_was_prepared(home: Workspace) -> None:
    assert home.demo() is None
    assert home.usual_learning_rate(str(DemoFiles(SHIPPED).base)) == 3e-4
    assert home.usual_learning_rate("/another/base") == 1e-5


def test_levels_and_relations_of_a_file_are_counted(home: Workspace, wanted: Training) -> None:
    counts = home.training_levels(wanted.questions, None)
    assert sorted(counts) == [0, 1, 2, 3, 4] and sum(counts.values()) > 0
    assert "P19" in home.training_relations(wanted.questions)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "level-0-8-seed-0"),
        ({"level": None, "size": None, "seed": 3}, "all-all-seed-3"),
        ({"level": None, "mix": ((0, 0.5), (4, 0.5)), "variant": Variant("kl")}, "mix-8-seed-0-kl"),
    ],
)
def test_a_model_is_named_by_what_made_it(wanted: Training, changes: dict[str, object], name: str) -> None:
    assert replace(wanted, **changes).name == name  # type: ignore[arg-type]
