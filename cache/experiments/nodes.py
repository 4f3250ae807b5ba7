"""What a node of a cluster says of itself before it is given cells, and what of that keeps a plan from running there.

Runs on every node, over the home folder that all of them see; knows no engine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cache.experiments.keys import libraries, processor


def missing_here(mark: str, paths: dict[str, str], versions: dict[str, str], like: str) -> dict[str, Any]:
    """On a node: whether it is blind to the mark, which of the plan's paths (by name) it lacks, and which libraries are
    of other versions: name, its own, the one wanted. So too its processor, where it must be `like` another ("": any).
    """
    here, own = libraries(), processor() if like else ""
    return {
        "blind": not Path(mark).is_file(),
        "paths": [(name, path) for name, path in paths.items() if not Path(path).exists()],
        "versions": [(name, here[name], wanted) for name, wanted in versions.items() if here[name] != wanted],
        "processor": [(own, like)] if own != like else [],
    }


def node_problems(found: dict[str, Any], home: Path) -> list[str]:
    """What `missing_here` found on a node, in words."""
    way = f"put PALIMPSEST_HOME (now {home}) on a disk that all nodes share, under the same path"
    alike = "join only nodes with like processors, and start the plan on one of them"
    return [
        *([f"it does not see the results' folder; {way}"] if found["blind"] else []),
        *(f"it does not see the plan's {name}, {path}; put it on a shared disk" for name, path in found["paths"]),
        *(f"it has {name} {theirs}, not {ours} as here; install that" for name, theirs, ours in found["versions"]),
        *(
            f"its processor is {theirs}, here it is {ours}, and the same cell would give other bits there; {alike}"
            for theirs, ours in found["processor"]
        ),
    ]
