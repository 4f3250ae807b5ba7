"""The paper's grid is told in numbers to who does not see it."""

from analysis.experiments import paper
from analysis.figures import numbers
from pages.components.plan_paper import grid_words


def test_the_papers_grid_is_told_with_its_best_and_worst_cells() -> None:
    words = grid_words()
    assert "Trained on level 0 · 1,920: 44.96% as tuned; best 55.44% (+10.5 points) with 40% restored" in words
    assert "worst 0.60%" in words and "level 4 · 240: 53.97% as tuned; 46.45%" in words


def test_no_cell_of_a_training_set_lies_beyond_what_is_told() -> None:
    words = grid_words()
    for level in ("0", "4"):
        cells = [each.value for each in paper.RESTORATION if each.level == level and each.size == 1920 and each.percent]
        assert f"best {numbers.share(max(cells), 2)}" in words and f"worst {numbers.share(min(cells), 2)}" in words
