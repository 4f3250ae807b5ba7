"""Token-level work over one store: found again by what was asked, on pairs whose two sides are built differently."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.errors import QuestionError
from analysis.knowledge.mastery_table import MasteryTable
from analysis.knowledge.questions import load_questions
from analysis.records import RestoreSpec, Text
from cache.work import Asking, Comparison, Workspace

TEXTS = (Text("one", text="Ann Lee was born in"), Text("two", prompt="Where was Bo Cray born?", answer=" Ann"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def pair(tiny_pair: Any) -> Comparison:
    return Comparison(str(tiny_pair.base), str(tiny_pair.tuned))


@pytest.fixture(scope="module")
def mastery(tiny_pair: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mastery table as a measurement would have written it: of two statements the second is the better."""
    from analysis.knowledge.mastery import Protocol

    facts = load_questions(tiny_pair.questions).questions
    templates = dict.fromkeys(("P19", "P26"), ("{subject} has", "{subject} was born in"))
    table = MasteryTable.of(facts, [(1, 9 if (one.level or 0) == 4 else 3) for one in facts], templates, Protocol())
    frame = table.frame.assign(level=[one.level for one in facts])
    path = tmp_path_factory.mktemp("mastery") / "mastery.parquet"
    MasteryTable(frame, table.templates, table.protocol).write(path)
    return path


def test_three_states_are_stored_as_three_reports(home: Path, pair: Comparison) -> None:
    spec = RestoreSpec(20)
    assert Workspace(home).known_three_states(pair, TEXTS, spec) is None
    three = Workspace(home).three_states(pair, TEXTS, spec)
    other = Workspace(home)
    assert other.known_three_states(pair, TEXTS, spec) == three
    assert other.known_divergence(pair, TEXTS, state=spec, against="tuned") == three.restored_tuned
    assert other.known_divergence(pair, TEXTS) == three.tuned_base
    assert other.known_divergence(pair, TEXTS, measures="kl") == three.tuned_base  # it holds those too
    assert other.known_divergence(pair, TEXTS, top=9) is None


def test_the_kls_alone_do_not_answer_for_everything(tmp_path: Path, pair: Comparison) -> None:
    workspace = Workspace(tmp_path)
    few = workspace.divergence(pair, TEXTS, measures="kl")
    assert workspace.known_divergence(pair, TEXTS, measures="kl") == few
    assert workspace.known_divergence(pair, TEXTS) is None


def test_the_papers_measurement_is_stored_by_what_it_depends_on(
    home: Path, pair: Comparison, tiny_pair: Any, mastery: Path
) -> None:
    asking = Asking(str(tiny_pair.questions), mastery=str(mastery))
    found = Workspace(home).paper_divergence(pair, asking)
    other = Workspace(home)
    assert other.known_paper_divergence(pair, asking) == found
    assert found.asked == sum(one.level == 4 for one in load_questions(tiny_pair.questions).questions)
    assert found.n + sum(found.dropped.values()) == found.asked
    assert {row.statement for row in found.by_relation} == {"{subject} was born in"}
    assert other.known_paper_divergence(pair, asking, near=1) is None
    assert other.known_paper_divergence(pair, asking, top=5) is None
    assert other.known_paper_divergence(pair, asking, state=RestoreSpec(20)) is None
    assert other.known_paper_divergence(pair, Asking(asking.questions, prompt="qa", mastery=str(mastery))) is None


def test_the_papers_measurement_says_what_it_lacks(home: Path, pair: Comparison, tiny_pair: Any) -> None:
    with pytest.raises(QuestionError, match="needs the base's mastery"):
        Workspace(home).paper_divergence(pair, Asking(str(tiny_pair.questions)))


def test_continuations_are_stored(home: Path, pair: Comparison) -> None:
    found = Workspace(home).generation_compared(pair, TEXTS, max_new_tokens=4)
    other = Workspace(home)
    assert other.known_generation_compared(pair, TEXTS, max_new_tokens=4) == found
    assert other.known_generation_compared(pair, TEXTS, max_new_tokens=5) is None
    without = (TEXTS[0], Text("two", prompt=TEXTS[1].prompt))  # an answer is not part of what is continued
    assert other.known_generation_compared(pair, without, max_new_tokens=4) == found


def test_a_base_with_fewer_rows_is_compared_over_the_shared_ones(
    tmp_path: Path, pair: Comparison, tiny_pair: Any
) -> None:
    grown = _changed(tiny_pair.tuned, tmp_path / "grown", lambda model: model.resize_token_embeddings(400))
    report = Workspace(tmp_path).divergence(Comparison(pair.base, str(grown)), TEXTS)
    plain = Workspace(tmp_path).divergence(pair, TEXTS)
    assert (report.vocabulary, report.rows_left_out) == (plain.vocabulary, {"base": 0, "tuned": 400 - plain.vocabulary})  # type: ignore[operator]
    assert plain.rows_left_out == {}
    for one, other in zip(report.prompts, plain.prompts, strict=True):
        assert [token.kl_full_nats for token in one.tokens[1:]] == pytest.approx(
            [token.kl_full_nats for token in other.tokens[1:]], abs=1e-6
        )
    told = Workspace(tmp_path).generation_compared(Comparison(pair.base, str(grown)), TEXTS, max_new_tokens=4)
    assert told.rows_left_out == report.rows_left_out


def test_a_base_with_a_head_of_its_own_is_asked_with_it(tmp_path: Path, pair: Comparison, tiny_pair: Any) -> None:
    def untie(model: Any) -> None:
        model.config.tie_word_embeddings = False
        model.lm_head.weight = torch.nn.Parameter(model.get_input_embeddings().weight.detach() * 2)

    apart = _changed(tiny_pair.base, tmp_path / "apart", untie)
    report = Workspace(tmp_path).divergence(Comparison(str(apart), pair.tuned), TEXTS[:1])
    expected = _kl(str(apart), pair.tuned, [token.id for token in report.prompts[0].tokens])
    assert [token.kl_full_nats for token in report.prompts[0].tokens[1:]] == pytest.approx(expected, abs=1e-5)


def _changed(source: Path, folder: Path, change: Any) -> Path:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(source)
    change(model)
    model.save_pretrained(folder)
    for file in source.iterdir():
        if file.name.startswith("tokenizer"):
            shutil.copy(file, folder)
    assert json.loads((folder / "config.json").read_text())["model_type"] == "llama"
    return folder


def _kl(base: str, tuned: str, ids: list[int]) -> list[float]:
    from torch.distributions import Categorical, kl_divergence
    from transformers import AutoModelForCausalLM

    sides = []
    for source in (tuned, base):
        model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
        with torch.inference_mode():
            sides.append(Categorical(logits=model(input_ids=torch.tensor([ids])).logits[0, :-1].double()))
    return kl_divergence(*sides).tolist()  # type: ignore[no-any-return]
