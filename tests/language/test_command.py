"""`palimpsest divergence`: what it prints of a pair on disk, and which wishes it refuses before any work."""

from pathlib import Path
from typing import Any

import pytest

from analysis.errors import SpecError
from analysis.language.command import Wish, answer
from analysis.records import RestoreSpec, Silent
from cache.work import Comparison, Workspace


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def asked(home: Path, pair: Any, **wish: Any) -> dict[str, Any]:
    fields = {"prompts": pair.prompts, "top": 10, "direction": "tuned-base", "measures": "all", "dtype": "auto"}
    comparison = Comparison(str(pair.base), str(pair.tuned))
    return answer(Workspace(home), comparison, None, Wish(**(fields | wish)), Silent())


def test_every_token_tells_what_follows_from_its_numbers(home: Path, tiny_pair: Any) -> None:
    first, second, *_ = asked(home, tiny_pair)["prompts"][0]["tokens"]
    assert (first["flipped"], first["entropy_change_nats"], first["kl_full_nats"]) == (None, None, None)
    assert second["flipped"] == (second["base_top"][0]["id"] != second["tuned_top"][0]["id"])
    assert second["log_prob_change_nats"] == second["tuned_logprob_nats"] - second["base_logprob_nats"]


def test_a_restored_percentage_adds_two_reports(home: Path, tiny_pair: Any) -> None:
    told = asked(home, tiny_pair, restored=RestoreSpec(50))
    assert [(told[name]["state"], told[name]["against"]) for name in ("restored_base", "restored_tuned")] == [
        ("restored", "base"),
        ("restored", "tuned"),
    ]
    assert (told["state"], told["against"], told["restored"]["percent"]) == ("tuned", "base", 50)


def test_prompts_can_be_continued(home: Path, tiny_pair: Any) -> None:
    told = asked(home, tiny_pair, generate=3)
    assert told["max_new_tokens"] == 3 and all(1 <= len(one["tuned"]) <= 4 for one in told["prompts"])


@pytest.mark.parametrize(
    ("wish", "word"),
    [
        ({"prompts": None}, "--prompts FILE"),
        ({"paper": True}, "--prompts FILE"),
        ({"prompts": None, "paper": True, "generate": 3}, "--generate"),
        ({"prompts": None, "paper": True}, "--questions"),
    ],
)
def test_wishes_that_exclude_each_other_are_refused(
    home: Path, tiny_pair: Any, wish: dict[str, Any], word: str
) -> None:
    with pytest.raises(SpecError) as caught:
        asked(home, tiny_pair, **wish)
    assert any(word in item for item in caught.value.items)
