"""`palimpsest question`: one JSON object on standard output, exit 2 with the reason where it is refused."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Palimpsest, TinyPair


@pytest.fixture
def run(tmp_path: Path, palimpsest_at: Palimpsest) -> Any:
    """Runs `palimpsest question ... --json` on a store of the test's own: (exit status, the object)."""

    def called(*words: object) -> tuple[int, dict[str, Any]]:
        return palimpsest_at(tmp_path / "home", "question", *words, "--json")[:2]

    return called


def test_gradients_are_one_object_with_missing_numbers_as_null(run: Any, tiny_pair: TinyPair) -> None:
    told = ("--questions", tiny_pair.questions, "--samples", 4, "--groups", 2, "--levels", "0,4", "--percents", "5")
    status, found = run("gradients", tiny_pair.base, tiny_pair.tuned, *told)
    assert status == 0 and found["samples_a_level"] == 4
    assert [row["level"] for row in found["levels"]] == [0, 4]
    assert found["cosines"][0]["low"] is None  # two groups leave nothing to leave out
    assert {row["score"] for row in found["overlaps"]} > {"gradient", "small base"}


def test_what_cannot_be_is_refused_with_every_reason(run: Any, tiny_pair: TinyPair) -> None:
    asked = ("gradients", tiny_pair.base, tiny_pair.tuned, "--questions", tiny_pair.questions)
    status, found = run(*asked, "--samples", 7, "--groups", 3)
    assert status == 2 and found["error"]["code"] == "setting"
    status, found = run(*asked, "--levels", "0,x")
    assert status == 2 and found["error"]["items"] == ["x"]
    status, found = run("skill", tiny_pair.base, "--questions", tiny_pair.questions, "--examples", 0, "--facts", 0)
    assert status == 2 and len(found["error"]["items"]) == 2
    status, found = run("planted", "--share", 2)
    assert status == 2 and found["error"]["code"] == "training"


def test_a_task_in_lm_evals_format_is_asked_of_every_state(run: Any, tiny_pair: TinyPair, tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(
        'task: towns\noutput_type: generate_until\ntest_split: test\ndoc_to_text: "{{q}}"\ndoc_to_target: "{{a}}"\n'
        "generation_kwargs: {until: [x], max_gen_toks: 3}\n"
    )
    (tmp_path / "test.jsonl").write_text('{"q": "Where was Bo born?", "a": "Rome"}\n{"q": "And Ann?", "a": "Oslo"}\n')
    status, found = run("task", tiny_pair.base, tiny_pair.tuned, tmp_path, "--percents", "20")
    assert status == 0 and (found["task"], found["documents"], found["shots"]) == ("towns", 2, 0)
    assert [row["strategy"] for row in found["rows"]] == ["base", "tuned", "relative-top", "random"]
    assert all(row["n"] == 2 and row["metric"] == "exact_match" for row in found["rows"])
