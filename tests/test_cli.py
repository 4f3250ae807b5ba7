"""The command line keeps its contract: fields, one JSON object, exit codes."""

import json
import os
import resource
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Palimpsest


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def palimpsest(home: Path, palimpsest_at: Palimpsest) -> Palimpsest:
    """Runs a command on this file's store."""
    return partial(palimpsest_at, home)


def test_check_tells_a_comparable_pair(palimpsest: Any, tiny_pair: Any) -> None:
    code, told, _ = palimpsest("check", tiny_pair.base, tiny_pair.tuned)
    assert code == 0
    assert told["comparable"] is True
    assert told["dtype"] == {"base": "bfloat16", "tuned": "bfloat16"}
    assert set(told["region_parameters"]) == {"transformer", "embedding", "attention", "mlp", "all"}
    assert told["parameters"] == told["region_parameters"]["all"]
    assert told["seconds"] < 1


def test_check_lets_an_identical_pair_through_with_a_warning(palimpsest: Any, tiny_pair: Any) -> None:
    code, told, _ = palimpsest("check", tiny_pair.base, tiny_pair.base)
    assert code == 0 and told["comparable"] is True
    assert [finding["level"] for finding in told["findings"]] == ["warning"]


def test_profile_has_the_contracts_fields(palimpsest: Any, tiny_pair: Any) -> None:
    code, told, _ = palimpsest("profile", tiny_pair.base, tiny_pair.tuned, "--percents", "5,20", "--json")
    assert code == 0
    assert {"region_parameters", "changed_fraction", "seconds", "bytes_read", "peak_rss_bytes"} <= set(told)
    row = told["percents"][1]
    assert row["percent"] == 20
    assert row["count"] == int(0.2 * told["region_parameters"])
    assert {"threshold", "above", "ties", "effective_percent", "share_relative", "share_absolute", "share_null"} <= set(
        row
    )
    for group, name in (("layers", "layer"), ("modules", "module"), ("tensors", "name")):
        assert {name, "parameters", "mean_relative", "l2", "changed_fraction", "restored"} <= set(told[group][0])
        assert sum(entry["restored"]["20"] for entry in told[group]) == row["count"]


def test_restore_writes_a_checkpoint_that_gives_the_sweeps_numbers(
    palimpsest: Any, tiny_pair: Any, tmp_path: Path
) -> None:
    out = tmp_path / "restored"
    code, told, _ = palimpsest("restore", tiny_pair.base, tiny_pair.tuned, out, "--percent", 20, "--json")
    assert code == 0
    assert {"strategy", "percent", "count", "threshold", "ties_restored", "effective_percent", "out", "seconds"} <= set(
        told
    )
    assert json.loads((out / "palimpsest.json").read_text())
    ask = ("--questions", tiny_pair.questions, "--json")
    _, alone, _ = palimpsest("evaluate", out, *ask)
    _, swept, _ = palimpsest("sweep", tiny_pair.base, tiny_pair.tuned, *ask, "--percents", "20")
    stop = swept["stops"][0]
    assert (stop["strategy"], stop["percent"], stop["count"]) == ("relative-top", 20, told["count"])
    assert stop["accuracy"] == alone["accuracy"] and stop["by_domain"] == alone["by_domain"]


def test_evaluate_has_the_contracts_fields_and_writes_every_answer(
    palimpsest: Any, tiny_pair: Any, tmp_path: Path
) -> None:
    outputs = tmp_path / "answers.jsonl"
    code, told, _ = palimpsest(
        "evaluate", tiny_pair.tuned, "--questions", tiny_pair.questions, "--outputs", outputs, "--json"
    )
    assert code == 0
    assert {"n", "prompt", "dtype", "correct", "accuracy", "wilson95", "by_domain", "seconds", "engine"} <= set(told)
    assert (told["n"], told["dtype"]) == (80, "float32")
    assert set(told["by_domain"]) == {"in", "out"}
    assert told["by_domain"]["in"]["levels"]["0"] == {
        "n": 8,
        "correct": told["by_domain"]["in"]["levels"]["0"]["correct"],
    }
    assert {"macro", "macro95"} <= set(told["by_domain"]["in"])
    lines = [json.loads(line) for line in outputs.read_text().splitlines()]
    assert len(lines) == 80
    assert set(lines[0]) == {"id", "question", "answers", "prompt_ids", "output", "token_ids", "stopped", "correct"} | {
        "margin"
    }
    assert sum(line["correct"]["contains"] for line in lines) == told["correct"]["contains"]


def test_sweep_has_the_contracts_fields(palimpsest: Any, tiny_pair: Any) -> None:
    code, told, _ = palimpsest(
        *("sweep", tiny_pair.base, tiny_pair.tuned, "--questions", tiny_pair.questions),
        *("--percents", "0,40", "--strategies", "relative-top,random", "--seeds", "0,1", "--json"),
    )
    assert code == 0
    assert [(stop["strategy"], stop["seed"], stop["percent"]) for stop in told["stops"]] == [
        *(("relative-top", 0, percent) for percent in (0, 40)),
        *(("random", seed, percent) for seed in (0, 1) for percent in (0, 40)),
    ]
    wanted = {"effective_percent", "count", "accuracy", "wilson95", "by_domain", "fixed", "broken", "mcnemar_p"}
    assert wanted | {"verified_rows", "decoded_rows", "seconds"} <= set(told["stops"][0])
    assert told["arithmetic"] == told["stops"][0]["arithmetic"] == "exact"
    choice = {"choose_n", "choose_best_percent", "report_n", "report_accuracy", "optimism"}
    assert choice <= set(told["choice"]) and told["choice"]["chosen_on"] == "half"
    assert {"healed", "damaged", "kept", "won", "newly_broken"} <= set(told["stops"][0]["three_way"])
    assert [(band["strategy"], band["percent"], band["seeds"]) for band in told["bands"]] == [
        ("random", 0, [0, 1]),
        ("random", 40, [0, 1]),
    ]


def test_a_sweep_of_blends_says_what_each_really_changed(palimpsest: Any, tiny_pair: Any) -> None:
    code, told, err = palimpsest(
        *(
            "sweep",
            tiny_pair.base,
            tiny_pair.tuned,
            "--questions",
            tiny_pair.questions,
            "--limit",
            10,
            "--seeds",
            "0,1",
        ),
        *(
            "--percents",
            "50",
            "--strategies",
            "spectral,drop-rescale,relative-top",
            "--layers",
            "0",
            "--modules",
            "q,up",
        ),
        "--json",
    )
    assert code == 0, err
    assert [(stop["strategy"], stop["seed"]) for stop in told["stops"]] == [
        *(("spectral", 0), ("drop-rescale", 0), ("drop-rescale", 1), ("relative-top", 0)),
    ]
    for stop in told["stops"][:3]:
        moved = stop["realised"]["moved"] / (32 * 32 + 64 * 32)
        assert stop["effective_percent"] == pytest.approx(100 * moved) and stop["effective_l2_percent"] > 0
    assert told["stops"][3]["realised"]["between"] == 0 and 40 < told["stops"][3]["changed_percent"] < 60


def test_a_blend_is_written_with_what_it_changed(palimpsest: Any, tiny_pair: Any, tmp_path: Path) -> None:
    out = tmp_path / "blend"
    code, told, _ = palimpsest(
        *("restore", tiny_pair.base, tiny_pair.tuned, out, "--percent", 30, "--strategy", "interpolation"),
        *("--modules", "down", "--layers", "0-1", "--json"),
    )
    assert code == 0
    recipe = json.loads((out / "palimpsest.json").read_text())
    assert recipe["realised"] == told["realised"] and recipe["modules"] == ["down"] and recipe["layers"] == [0, 1]
    assert told["arithmetic"] == recipe["arithmetic"] == "exact" and told["threshold"] is None
    code, told, _ = palimpsest(
        "restore", tiny_pair.base, tiny_pair.tuned, tmp_path / "b", "--percent", 30, "--modules", "x", "--json"
    )
    assert code == 2 and "Modules x are not there" in told["error"]["message"]


def test_divergence_has_the_contracts_fields(palimpsest: Any, tiny_pair: Any) -> None:
    code, told, _ = palimpsest("divergence", tiny_pair.base, tiny_pair.tuned, "--prompts", tiny_pair.prompts, "--json")
    assert code == 0
    tokens = told["prompts"][0]["tokens"]
    assert tokens[0]["position"] == 0 and tokens[0]["kl_full_nats"] is None and tokens[0]["special"] is True
    assert tokens[1]["kl_full_nats"] > 0 and tokens[1]["kl_top_nats"] > 0
    assert {token["part"] for token in told["prompts"][1]["tokens"]} == {"prompt", "answer"}


def _truncated(tiny_pair: Any, folder: Path) -> Path:
    shutil.copytree(tiny_pair.tuned, folder)
    shard = folder / "model.safetensors"
    shard.write_bytes(shard.read_bytes()[:-100])
    return folder


def _other_shape(tiny_pair: Any, folder: Path) -> Path:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("damage", [_truncated, _other_shape])
def test_pairs_that_cannot_be_compared_are_refused(
    palimpsest: Any, tiny_pair: Any, tmp_path: Path, damage: Any
) -> None:
    tuned = damage(tiny_pair, tmp_path / "damaged")
    code, told, _ = palimpsest("check", tiny_pair.base, tuned)
    assert code == 2 and told["comparable"] is False
    assert any(finding["level"] == "error" for finding in told["findings"])
    code, told, _ = palimpsest("profile", tiny_pair.base, tuned, "--json")
    assert code == 2 and told["error"]["items"]


def test_bad_input_is_exit_2_with_the_thing_named(palimpsest: Any, tiny_pair: Any, tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    unanswered = tmp_path / "unanswered.jsonl"
    unanswered.write_text('{"question": "Where?", "answers": []}\n')
    plain_file = tmp_path / "notes.txt"
    plain_file.write_text("not a checkpoint")
    pair = (tiny_pair.base, tiny_pair.tuned)
    refused = {
        ("profile", tmp_path / "nowhere", tiny_pair.tuned, "--json"): "nowhere",
        ("profile", plain_file, tiny_pair.tuned, "--json"): "notes.txt",
        ("evaluate", tiny_pair.tuned, "--questions", empty, "--json"): "empty.jsonl",
        ("evaluate", tiny_pair.tuned, "--questions", unanswered, "--json"): "unanswered.jsonl",
        ("evaluate", tiny_pair.tuned, "--questions", tmp_path / "none.jsonl", "--json"): "none.jsonl",
        ("restore", *pair, tmp_path / "out", "--percent", 101, "--json"): "101",
        ("sweep", *pair, "--questions", tiny_pair.questions, "--percents", "5,-1", "--json"): "-1",
        ("sweep", *pair, "--questions", tiny_pair.questions, "--strategies", "best", "--json"): "best",
        ("restore", *pair, tmp_path / "out", "--percent", 5, "--layers", "a", "--json"): "layers",
        ("divergence", *pair, "--prompts", empty, "--json"): "empty.jsonl",
        ("evaluate", tiny_pair.tuned, "--json"): "questions",
    }
    for words, named in refused.items():
        code, told, _ = palimpsest(*words)
        assert code == 2, words
        assert named in json.dumps(told["error"]), (words, told)
    assert not (tmp_path / "out").exists()


def test_answers_that_the_disk_has_no_room_for_are_still_given(
    palimpsest: Any, tiny_pair: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ("evaluate", tiny_pair.tuned, "--questions", tiny_pair.questions, "--limit", 60, "--json")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))
    try:
        refused, told, _ = palimpsest(*ask)
        monkeypatch.setattr("cache.store._PROBE_BYTES", 100)  # the disk fills up while the model is asked
        code, answer, words = palimpsest(*ask)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert refused == 2 and "Nothing can be stored" in told["error"]["message"]
    assert code == 0 and answer["n"] == 60
    assert "The result could not be written" in words and "PALIMPSEST_HOME" in words
    assert palimpsest(*ask)[1]["accuracy"] == answer["accuracy"]


def test_a_path_of_any_bytes_can_be_told(palimpsest: Any, tiny_pair: Any) -> None:
    code, told, _ = palimpsest("check", "mod\udcffel", tiny_pair.tuned)
    assert code == 2
    assert "mod\udcffel does not exist" in told["findings"][0]["message"]


def test_without_json_the_error_is_words_on_standard_error(palimpsest: Any, tiny_pair: Any) -> None:
    code, told, words = palimpsest("profile", "/nowhere/at/all", tiny_pair.tuned)
    assert (code, told) == (2, {})
    assert "/nowhere/at/all" in words and "Traceback" not in words


@pytest.mark.slow
def test_the_console_script_prints_one_object_and_nothing_else(tiny_pair: Any, tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("palimpsest")
    done = subprocess.run(
        [script, "evaluate", tiny_pair.tuned, "--questions", tiny_pair.questions, "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "PALIMPSEST_HOME": str(tmp_path)},
        check=True,
    )
    assert json.loads(done.stdout)["n"] == 80


def test_a_mastery_preview_says_how_sure_it_is_and_other_questions_are_asked_as_questions(
    palimpsest: Any, tiny_pair: Any, tmp_path: Path
) -> None:
    out, plain = tmp_path / "preview.parquet", tmp_path / "plain.jsonl"
    asked = ("--questions", tiny_pair.questions, "--limit", 2, "--samples", 4)
    code, told, _ = palimpsest("mastery", tiny_pair.base, *asked, "--out", out, "--preview", "--json")
    assert code == 0 and out.exists()
    assert (told["method"], told["samples"], told["preview_of"]) == ("statements, preview", 1, 4)
    assert set(told["estimated_levels"]) == {"0", "1", "2", "3", "4"} and 0 <= told["settled"] <= 2
    assert sum(level["facts"] for level in told["estimated_levels"].values()) == pytest.approx(2)
    plain.write_text("".join(f'{{"question": "Who wrote {n}?", "answers": ["a"]}}\n' for n in range(3)))
    code, told, _ = palimpsest(
        *("mastery", tiny_pair.base, "--questions", plain, "--out", tmp_path / "q.parquet"), *("--samples", 1, "--json")
    )
    assert (code, told["method"], told["until"]) == (0, "question form", "line")
    code, told, _ = palimpsest(
        *("mastery", tiny_pair.base, "--questions", plain, "--method", "statements"),
        *("--out", tmp_path / "n.parquet", "--json"),
    )
    assert code == 2 and "question form" in told["error"]["message"]
