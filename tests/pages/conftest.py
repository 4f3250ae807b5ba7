"""The dashboard opened on a home folder of the test's own, looking at the tiny pair where a test says so."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.testing.v1 import AppTest, local_script_runner

from analysis.demo.world import RECIPES, prepare
from cache.asked import Asking, Comparison
from cache.work import DEMO_LIMIT, FIRST_LOOK, Workspace

SHELL = Path(__file__).resolve().parents[2] / "pages" / "_shell.py"
WAIT_SECONDS = 60.0
Open = Callable[..., AppTest]
Back = Callable[..., AppTest]


@pytest.fixture
def pair(tiny_pair) -> Comparison:  # type: ignore[no-untyped-def]
    """The tiny pair as a page would name it."""
    return Comparison(str(tiny_pair.base), str(tiny_pair.tuned))


@pytest.fixture
def asking(tiny_pair) -> Asking:  # type: ignore[no-untyped-def]
    """Its questions, a quarter of them."""
    return Asking(str(tiny_pair.questions), limit=20)


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The workspace the pages of this test see, on a store of its own; closed afterwards."""
    from cache.memo import workspace

    monkeypatch.setenv("PALIMPSEST_HOME", str(tmp_path / "home"))
    workspace.clear()
    yield workspace()
    workspace.clear()


@pytest.fixture
def demo(shared: Workspace) -> tuple[Comparison, Asking]:
    """The shipped demo as if prepared, with its first pair and its questions; tuned is the base, one matrix moved."""
    world = prepare(shared.home, recipes=())
    (folder,) = (shared.home / "demo").iterdir()
    for recipe in RECIPES:
        (folder / recipe.name).mkdir()
    tuned = Path(shutil.copytree(world.base, folder / FIRST_LOOK, dirs_exist_ok=True))
    weights = load_file(tuned / "model.safetensors")
    name = next(name for name in weights if name.endswith("q_proj.weight"))
    save_file({**weights, name: weights[name] * 1.5}, tuned / "model.safetensors", {"format": "pt"})
    asking = Asking(str(world.questions), mastery=str(world.mastery), limit=DEMO_LIMIT)
    return Comparison(str(world.base), str(tuned)), asking


@pytest.fixture
def open_page(shared: Workspace) -> Open:
    """Opens a page by its name, with a pair and questions chosen where they are given."""

    def opened(page: str, pair: Comparison | None = None, asking: Asking | None = None) -> AppTest:
        app = AppTest.from_file(str(SHELL), default_timeout=WAIT_SECONDS)
        if pair is not None:
            shared.remember(pair)
            app.session_state["comparison"] = pair
        if asking is not None:
            shared.remember_asking(asking)
            app.session_state["asking"] = asking
        app.session_state["last_page"] = page
        return app.run()

    return opened


@pytest.fixture
def go_back(monkeypatch: pytest.MonkeyPatch) -> Back:
    """The browser's Back to an address that names this: asked for as a browser does, with its word that it is Back."""

    def gone(app: AppTest, **named: str) -> AppTest:
        for key, text in named.items():
            app.query_params[key] = text
        with monkeypatch.context() as asked:
            asked.setattr(local_script_runner, "RerunData", partial(RerunData, is_history_navigation=True))
            return app.run()

    return gone


def settle(shared: Workspace) -> None:
    """Wait until no job is under way."""
    for job in shared.jobs.all():
        shared.jobs.wait(job.id, WAIT_SECONDS)


def words_of(app: AppTest) -> str:
    """Everything a page says in words."""
    kinds = (
        app.title,
        app.subheader,
        app.markdown,
        app.caption,
        app.info,
        app.warning,
        app.error,
        app.success,
        app.text,
    )
    return "\n".join(str(element.value) for kind in kinds for element in kind)
