"""Plans are read strictly: everything wrong is told at once, and what is shipped can be read."""

from pathlib import Path

import pytest

from analysis.demo.world import SHIPPED
from analysis.errors import SpecError
from analysis.experiments.plan import Plan, mix_of
from analysis.experiments.plan_file import parse_plan, read_plan
from analysis.records import IN_DOMAIN
from analysis.training.variants import Variant

HEAD = 'base = "b"\nquestions = "q"\n'


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(SpecError) as told:
        parse_plan(text, folder=Path("/nowhere"))
    return told.value.items


def test_everything_wrong_in_a_plan_is_told_at_once() -> None:
    found = problems(
        'base = "b"\nnmae = "x"\ntrain_relations = ["P26", 3]\n'
        '[train]\nlevels = [0, 7]\nsizes = [60, "x"]\nlerning_rate = 1\n'
        '[restore]\npercents = [300]\nstrategies = ["relatve-top"]\n[run]\nkeep = "some"\nthreads = 0\n'
    )
    for part in (
        "nmae is no key of a plan: did you mean name?",
        "questions is missing",
        "train.lerning_rate is no key of a plan: did you mean learning_rate?",
        "train.sizes is [60, 'x']: expected a whole number, got a text (entry 2)",
        "train_relations is ['P26', 3]",
        "train.levels holds '7'",
        "restore.percents holds 300",
        "restore.strategies holds 'relatve-top'",
        "run.keep is 'some'",
        "run.threads is 0",
    ):
        assert [line for line in found if line.startswith(part)], part
    assert len(found) == 10


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('variants = ["lroa"]', "no variant is called 'lroa'"),
        ('variants = [{ name = "l2sp", strenght = 1 }]', "l2sp has no setting strenght"),
        ('variants = [{ name = "l2sp", strength = 7 }]', "strength is 7"),
        ('variants = ["sft", "sft"]', "names something twice"),
        ('levels = ["mix:0=0.5,4=0.6"]', "train.levels holds"),
        ('levels = ["mix:0+0"]', "train.levels holds"),
        ('variants = ["lroa", { name = "l2sp", strength = "x" }]', "no variant is called 'lroa'"),
        ('variants = ["lroa", { name = "l2sp", strength = "x" }]', "expected a number, got a text"),
        ("levels = []", "train.levels is empty"),
        ("learning_rate = 2", "train.learning_rate is 2"),
        ("accumulate = 3", "train.batch_size is 8, and 3 parts cannot share it evenly"),
        ('precision = "half"', "train.precision is 'half'"),
        ('[run]\ndevice = "tpu"', "run.device is 'tpu'"),
        ('[run]\ngpus = 1\ndevice = "cpu"', 'run.device is "cpu"'),
        ("[run]\ngpus = 1.5", "run.gpus is 1.5"),
        ("[run]\ngpus = 2", "run.gpus is 2: a cell uses one accelerator"),
        ("[measure]\ntrain_limit = 0", "measure.train_limit is 0"),
        ("[measure]\nkl = true\nkl_limit = 0", "measure.kl_limit is 0"),
    ],
)
def test_a_wrong_line_is_told_with_its_reason(line: str, told: str) -> None:
    assert any(told in problem for problem in problems(f"{HEAD}[train]\n{line}\n"))


def test_files_that_are_not_there_are_told_with_what_else_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "q.zip").touch()
    with pytest.raises(SpecError) as told:
        parse_plan('base = "b"\nquestions = "q.zip"\nmastery = "m.parquet"\ncolour = 1\n', folder=tmp_path)
    wrong, missing = told.value.items
    assert wrong.startswith("colour is no key") and missing.startswith("mastery: there is no file or folder")


def test_what_is_no_toml_or_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="is no TOML"):
        parse_plan("levels = [", folder=tmp_path)
    with pytest.raises(SpecError, match="cannot be read"):
        read_plan(tmp_path / "none.toml")


def test_defaults_are_the_papers() -> None:
    plan = parse_plan(HEAD, folder=Path("/nowhere"), name="mine")
    assert plan == Plan("mine", "b", "q")
    assert (plan.train.learning_rate, plan.train.batch_size, plan.train.epochs) == (1e-5, 8, 1)
    assert plan.train.relations == IN_DOMAIN
    assert plan.restore.percents == (1, 3, 5, 10, 20, 40, 60)


def test_levels_mixes_and_variants_are_read_as_people_write_them() -> None:
    text = HEAD + '[train]\nlevels = [0, "all", "mix:0+4", "mix:0=0.25,4=0.75"]\n'
    plan = parse_plan(text + 'variants = ["sft", { name = "l2sp", strength = 0.1 }]\n', folder=Path("/nowhere"))
    assert plan.train.levels == ("0", "all", "mix:0+4", "mix:0=0.25,4=0.75")
    assert [mix_of(level) for level in plan.train.levels] == [{}, {}, {0: 0.5, 4: 0.5}, {0: 0.25, 4: 0.75}]
    assert plan.train.variants == (Variant("sft"), Variant("l2sp", 0.1))


def test_the_shipped_plans_are_what_their_first_lines_say() -> None:
    demo, small = read_plan(SHIPPED / "plan.toml"), read_plan(SHIPPED / "small.toml")
    assert Path(demo.base) == SHIPPED / "base" and Path(demo.questions).is_file()
    assert len(demo.train.levels) * len(demo.train.sizes) * len(demo.train.seeds) == 60
    assert len(demo.restore.percents) == 8 and demo.restore.strategies == ("relative-top", "random")
    assert (demo.measure.in_domain, demo.measure.out_of_domain) == (500, 400)
    assert len(small.train.levels) * len(small.train.sizes) * len(small.train.seeds) == 4
