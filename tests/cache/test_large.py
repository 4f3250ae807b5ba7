"""What lies beside the results goes piece by piece, and never what a plan, a comparison or a view needs."""

from pathlib import Path

import pytest

from analysis.errors import StoreError
from analysis.experiments.grid import cells_of
from analysis.experiments.plan import Plan
from cache.asked import Comparison
from cache.experiments.folder import KeptPlan, KeyedCell, PlanFolder
from cache.kept_texts import KeptTexts
from cache.keys import VERSIONS, make_key
from cache.large import MODEL, OPEN_QUESTION, PINS, TEXTS, ZIP, Piece
from cache.work import Workspace
from tests.report.handmade import make_placed


@pytest.fixture
def workspace(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Three models (a plan's, a named comparison's, one nobody needs), an open question's, a zip, and a text."""
    made = Workspace(tmp_path)
    for folder in ("tuned/of-plan", "tuned/named", "tuned/free", "tuned/.new", "open-questions/skill-1/tuned"):
        (made.home / folder).mkdir(parents=True)
        (made.home / folder / "model.safetensors").write_bytes(b"0" * 1000)
    plan = Plan("grid", "/base", "/questions")
    cell = KeyedCell(cells_of(plan)[0], VERSIONS["cell"], {"which": 1}, tuned="of-plan")
    PlanFolder(made.home).keep(KeptPlan(plan, (cell,)))
    made.named.save("mine", Comparison("/base", str(made.home / "tuned" / "named")), None)
    (made.home / "findings").mkdir(exist_ok=True)
    (made.home / "findings" / "report-1.zip").write_bytes(b"0" * 50)
    made.texts.keep(KeptTexts("own", "a prompt"))
    yield made
    made.close()


def named(workspace: Workspace, *looked_at: str) -> dict[str, Piece]:
    return {piece.name: piece for piece in workspace.large.pieces(looked_at)}


def test_every_piece_is_told_with_its_size_and_what_keeps_it(workspace: Workspace) -> None:
    found = named(workspace)
    assert {name: piece.kind for name, piece in found.items()} == {
        "report-1.zip": ZIP,
        "of-plan": MODEL,
        "named": MODEL,
        "free": MODEL,
        "skill-1": OPEN_QUESTION,
        "texts kept for links: 1": TEXTS,
    }
    assert found["of-plan"].needed_by == "the plan grid"
    assert found["named"].needed_by == "the comparison “mine”"
    assert found["free"].needed_by == "" and found["free"].bytes == 1000
    assert [name for name, piece in found.items() if piece.lost] == ["texts kept for links: 1"]


def test_what_a_person_looks_at_stays(workspace: Workspace) -> None:
    looked_at = (str(workspace.home / "tuned" / "free"), str(workspace.home / "open-questions" / "skill-1" / "tuned"))
    found = named(workspace, *looked_at)
    assert found["free"].needed_by == found["skill-1"].needed_by == "the pair you look at"
    assert workspace.large.remove(list(found.values()), looked_at).results == 2  # the zip and the texts
    assert (workspace.home / "tuned" / "free").is_dir()


def test_only_the_chosen_go_and_nothing_that_is_needed(workspace: Workspace) -> None:
    found = named(workspace)
    freed = workspace.large.remove([found["free"], found["of-plan"], found["named"]])
    assert (freed.results, freed.bytes) == (1, 1000)
    assert sorted(path.name for path in (workspace.home / "tuned").iterdir()) == [".new", "named", "of-plan"]
    assert (workspace.home / "open-questions" / "skill-1").is_dir()
    assert list((workspace.home / "partial").iterdir()) == []
    assert workspace.large.remove([found["free"]]).results == 0  # a second press


def test_while_work_is_under_way_nothing_goes(workspace: Workspace) -> None:
    with workspace.store.lock(make_key("sft", folder="free")), pytest.raises(StoreError, match="another process"):
        workspace.large.remove(list(named(workspace).values()))
    assert (workspace.home / "tuned" / "free").is_dir()


def test_deleted_pins_are_removed_for_good_and_those_that_stand_stay(workspace: Workspace) -> None:
    for name in ("stands", "deleted"):
        placed = make_placed(name)
        workspace.findings.pin(placed.finding, placed.tables)
    assert PINS not in {piece.kind for piece in workspace.large.pieces()}
    workspace.findings.delete("deleted")
    pins = next(piece for piece in workspace.large.pieces() if piece.kind == PINS)
    assert pins.lost and pins.bytes > 0
    assert workspace.large.remove([pins]).results == 1
    assert workspace.findings.last_deleted() is None and workspace.findings.tables("deleted") == {}
    assert [each.finding.id for each in workspace.findings.all()] == ["stands"]
    assert workspace.findings.tables("stands")
