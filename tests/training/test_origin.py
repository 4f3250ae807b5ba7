"""A card tells the files its facts are from by name and content, wherever they lie, and the command that makes it."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from analysis.experiments.grid import cells_of
from analysis.experiments.plan_file import read_plan
from analysis.records import Silent
from analysis.training.card import CARD, read_card
from analysis.training.origin import Origin, file_id, name_of, origin_of
from analysis.training.sft import fine_tune
from cache.experiments.folder import KeyedCell
from cache.experiments.tuned import tuned_model
from cache.training import Training
from cache.work import Workspace
from tests.experiments.world import make_world
from tests.training.models import QUESTIONS, make_base
from tests.training.test_processes import facts_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_base(tmp_path / "base")
    facts_file(tmp_path)
    return tmp_path


def test_a_files_id_is_its_contents_and_a_folders_that_of_its_names_and_contents(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "train").mkdir(parents=True)
        (tmp_path / name / "train/P19.json").write_bytes(b"[]")
    assert file_id(tmp_path / "one/train/P19.json") == file_id(tmp_path / "two/train/P19.json")
    assert file_id(tmp_path / "one") == file_id(tmp_path / "two")
    (tmp_path / "one/.DS_Store").write_bytes(b"a file manager's own")
    assert file_id(tmp_path / "one") == file_id(tmp_path / "two")
    (tmp_path / "two/train/P19.json").rename(tmp_path / "two/train/P20.json")
    assert file_id(tmp_path / "one") != file_id(tmp_path / "two")
    (tmp_path / "one/train/P19.json").write_bytes(b"[ ]")
    assert file_id(tmp_path / "one/train/P19.json") != file_id(tmp_path / "two/train/P20.json")


def test_a_path_is_told_by_its_name_and_an_id_that_is_no_path_whole(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    assert name_of(tmp_path / "base") == name_of(f"{tmp_path}/base/") == name_of(tmp_path / "base/../base") == "base"
    assert name_of("meta-llama/Llama-2-7b-hf") == "meta-llama/Llama-2-7b-hf"


def test_the_file_given_is_told_and_facts_that_were_made_are_from_nowhere(folder: Path) -> None:
    report = fine_tune(folder / "base", folder / "out", folder / "q.jsonl", size=4, threads=1, device="cpu")
    assert (report.questions, report.questions_id) == ("q.jsonl", file_id(folder / "q.jsonl"))
    assert (report.mastery, report.mastery_id) == (None, None)
    made = fine_tune(folder / "base", folder / "made", QUESTIONS, size=4, threads=1, device="cpu")
    assert Origin(made.questions, made.questions_id, made.mastery, made.mastery_id, made.command) == Origin()


def test_the_command_in_the_card_makes_the_same_weights_in_the_folder_that_holds_its_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from analysis import cli

    asked = Training(str(folder / "base"), str(folder / "q.jsonl"), 8, seed=3, prompt="qa", device="cpu", threads=1)
    card = Workspace(folder / "home").fine_tune(asked, folder / "out").card
    assert str(folder) not in card.command
    monkeypatch.chdir(folder)
    (folder / "out").rename(folder / "before")
    monkeypatch.setenv("PALIMPSEST_HOME", str(folder / "home"))
    monkeypatch.setattr("sys.argv", [*shlex.split(card.command), "--json"])
    cli._workspace.cache_clear()
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code in (0, None), capsys.readouterr().err
    before, after = ((folder / name / "model.safetensors").read_bytes() for name in ("before", "out"))
    assert before == after
    again = read_card(folder / "out")
    assert again is not None and (again.command, again.questions_id) == (card.command, card.questions_id)


def test_the_mastery_table_is_told_too(folder: Path) -> None:
    (folder / "m.parquet").write_bytes(b"levels")
    told = origin_of(folder / "q.jsonl", folder / "m.parquet", "palimpsest sft")
    assert (told.mastery, told.mastery_id) == ("m.parquet", file_id(folder / "m.parquet"))
    assert told.command == "palimpsest sft"


def test_a_card_from_before_names_no_files_and_is_still_read(folder: Path) -> None:
    report = fine_tune(folder / "base", folder / "out", folder / "q.jsonl", size=4, threads=1, device="cpu")
    fields = json.loads((folder / "out" / CARD).read_text())
    new = set(msgspec.to_builtins(Origin()))
    (folder / "out" / CARD).write_text(json.dumps({name: fields[name] for name in fields.keys() - new}))
    old = read_card(folder / "out")
    assert old is not None and old.facts == report.facts
    assert (old.questions, old.questions_id, old.command) == (None, None, "")


def test_two_folders_with_the_same_files_give_a_plans_cell_the_same_card_but_for_the_paths_and_times(
    tmp_path: Path,
) -> None:
    cards = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        cell = cells_of(read_plan(make_world(tmp_path / name)))[1]
        workspace = Workspace(tmp_path / name / "home")
        with tuned_model(workspace, KeyedCell(cell, 1, {"cell": "tuned"}), Silent()) as tuned:
            card = read_card(tuned.folder)
        assert card is not None and (card.questions, card.mastery) == ("questions", "mastery.parquet")
        assert card.command.startswith(f"palimpsest sft base {cell.name} --questions questions --mastery mastery.par")
        assert card.questions_id == file_id(tmp_path / name / "questions")
        cards.append(replace(card, base="", seconds=0.0))
    assert cards[0] == cards[1]
