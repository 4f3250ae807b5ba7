"""The words that say which cells of a plan a figure is of, and the cells they mean."""

from analysis.experiments.grid import cells_of
from analysis.experiments.narrowed import Narrowed, under
from analysis.experiments.plan import Plan, Training
from analysis.training.variants import Variant


def test_words_name_the_cells_of_their_level_size_and_variant_and_never_the_base() -> None:
    train = Training(levels=("0", "4"), sizes=(60, 240), seeds=(0, 1), variants=(Variant(), Variant("l2sp", 0.05)))
    cells = cells_of(Plan("p", "base", "facts", train=train))
    only = Narrowed("0", 240, "l2sp strength=0.05")
    assert only.words == "level 0, 240 samples, variant l2sp strength=0.05"
    found = under(only.words, cells)
    assert {(cell.level, cell.size, cell.variant.name, cell.seed) for cell in found} == {
        ("0", 240, "l2sp", seed) for seed in (0, 1)
    }
    assert len(under(Narrowed(variant="sft").words, cells)) == 8
    assert len(under(Narrowed(level="4", size=60).words, cells)) == 4
    assert under(Narrowed().words, cells) == cells and under("level 9", cells) == ()
