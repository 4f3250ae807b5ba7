"""palimpsest sft: one object on standard output, every setting an option, everything wrong told before it runs."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from analysis.command_line import terminal
from analysis.command_line.training import loss_line
from tests.conftest import Palimpsest, TinyPair

LESS_MEMORY = ["--precision", "bfloat16", "--gradient-checkpointing", "--accumulate", "2"]


@pytest.fixture
def sft(tmp_path: Path, palimpsest_at: Palimpsest, tiny_pair: TinyPair) -> Any:
    """Runs it on the tiny pair's base in this process; returns exit code and the object on standard output."""

    def run(out: Path, *words: object) -> tuple[int, dict[str, Any]]:
        given = (tiny_pair.base, out, "--questions", tiny_pair.questions, *words, "--json")
        return palimpsest_at(tmp_path / "home", "sft", *given)[:2]

    return run


def test_options_arrive_in_the_card(sft: Any, tmp_path: Path) -> None:
    words = "--mix 0=0.5,4=0.5 --size 4 --relations P19,P26 --variant restoring --strength 10 --every 3 --layers 0-1"
    code, told = sft(tmp_path / "out", *words.split(), "--modules", "q,down", "--threads", 1, "--seed", 2, *LESS_MEMORY)
    assert code == 0, told
    restoring = {"name": "restoring", "strength": 10.0, "layers": [0, 1], "modules": ["down", "q"], "every": 3}
    assert told["variant"] == restoring
    assert (told["by_level"], set(told["by_relation"])) == ({"0": 2, "4": 2}, {"P19", "P26"})
    assert (told["mix"], told["relations"]) == ({"0": 0.5, "4": 0.5}, ["P19", "P26"])
    assert (told["seed"], told["threads"]) == (2, 1)
    assert (told["precision"], told["gradient_checkpointing"], told["micro_batch"]) == ("bfloat16", True, 4)
    card = json.loads((tmp_path / "out" / "palimpsest.json").read_text())
    assert card == {"kind": "sft"} | {name: value for name, value in told.items() if name != "out"}


def test_the_loss_is_told_in_one_line_from_its_first_point_to_its_last() -> None:
    assert loss_line([(1, 8.0), (5, 4.5), (10, 1.0)]) == "8 █▅▁ 1 nats an answer token, steps 1 to 10"
    long = [(step, 1 / step) for step in range(1, 101)]
    assert len(loss_line(long).split()[1]) == 24
    assert loss_line([(1, 2.0)]) == "2 ▁ 2 nats an answer token, steps 1 to 1"


def test_what_is_left_is_told_by_the_steps_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tiny_pair: Any
) -> None:
    from analysis import cli

    monkeypatch.setenv("PALIMPSEST_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(terminal, "LINE_SECONDS", 0.0)
    words = ["palimpsest", "sft", tiny_pair.base, tmp_path / "out", "--questions", tiny_pair.questions]
    monkeypatch.setattr(sys, "argv", [*map(str, words), "--size", "8", "--batch-size", "2", "--threads", "1"])
    cli._workspace.cache_clear()
    with pytest.raises(SystemExit):
        cli.main()
    told = capsys.readouterr()
    assert "step 2 of 4" in told.err and " s left" in told.err
    assert "nats an answer token, steps 1 to 4" in told.out


def test_everything_wrong_is_told_in_one_object(sft: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    code, told = sft(tmp_path / "out", "--mix", "0=0.5,4=0.6", "--relations", "P999", "--batch-size", 0, "--size", 4)
    assert code == 2
    assert told["error"]["code"] == "training"
    assert len(told["error"]["items"]) == 4


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--mix", "half"], "mix is 'half'"),
        (["--variant", "l2sp", "--lora"], "not combined"),
        (["--variant", "dropout"], "dropout"),
        (["--variant", "kl", "--strength", "-1"], "strength is -1"),
    ],
)
def test_words_that_mean_nothing_are_refused(sft: Any, tmp_path: Path, words: list[str], told: str) -> None:
    code, answer = sft(tmp_path / "out", *words)
    assert code == 2
    assert told in json.dumps(answer)
