"""The house's rules hold: imports go down only, the start is light, and the README's tree is the tree on disk."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("analysis", "cache", "pages")


def _files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def _imports(file: Path) -> Iterator[str]:
    """Modules a file imports when it runs; what only the type checker imports does not count."""
    tree = ast.parse(file.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _importers(package: str, *folders: str) -> set[str]:
    return {
        str(file.relative_to(ROOT))
        for file in _files(*folders)
        if any(name == package or name.startswith(package + ".") for name in _imports(file))
    }


def test_only_pages_and_memo_know_streamlit() -> None:
    assert _importers("streamlit", "analysis", "cache") == {"cache/memo.py"}


def test_nobody_below_imports_the_pages() -> None:
    assert _importers("pages", "analysis", "cache") == set()


def test_only_the_command_line_reaches_from_analysis_into_the_cache() -> None:
    assert _importers("cache", "analysis") <= {"analysis/cli.py"}


def test_only_language_training_and_demo_know_transformers() -> None:
    rooms = {str(Path(file).parent) for file in _importers("transformers", *ROOMS)}
    assert rooms <= {"analysis/language", "analysis/training", "analysis/demo"}


def test_figures_and_pages_know_no_torch() -> None:
    assert _importers("torch", "analysis/figures", "pages") == set()


@pytest.mark.parametrize("module", ["cache.memo", "cache.work", "analysis.cli", "analysis.weights.profile"])
def test_importing_the_start_loads_neither_torch_nor_transformers(module: str) -> None:
    code = f"import sys, {module}; print([m for m in ('torch', 'transformers', 'ray') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_the_readmes_tree_is_the_tree_on_disk() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    block = re.search(r"<!-- tree -->\n```\n(.*?)```", text, re.DOTALL)
    assert block, "README.md lacks its tree"
    named = {line.split()[0].rstrip("/") for line in block.group(1).splitlines() if line.strip()}
    rooms = {str(file.relative_to(ROOT)) for file in _files("cache")}
    rooms |= {str(path.relative_to(ROOT)) for path in (ROOT / "analysis").iterdir() if _is_room(path)}
    rooms |= {str(path.relative_to(ROOT)) for path in (ROOT / "pages").iterdir() if _is_room(path)}
    rooms = {room for room in rooms if not room.endswith("__init__.py")}
    assert rooms - named == set(), "on disk, not in the README"
    assert {name for name in named if not (ROOT / name).exists()} == set(), "in the README, not on disk"


def _is_room(path: Path) -> bool:
    return (path.is_dir() and path.name != "__pycache__") or path.suffix == ".py"
