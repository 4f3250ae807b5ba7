"""The scripts a report carries: Vega out of vl-convert's own bundle, plotly's, and the report's own.

Bundling Vega takes over a second and holds every thread of the process back meanwhile; where others would wait,
`bring_vega` lets another process do it, and a file keeps it for the next time.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from contextlib import suppress
from functools import lru_cache
from importlib import metadata, resources
from pathlib import Path

from analysis.errors import PalimpsestError
from analysis.folders import whole_file
from analysis.records import Progress, check_cancelled

_ENTRY = "window.vegaEmbed = vegaEmbed;"
_BUNDLE = f"import sys, vl_convert; sys.stdout.buffer.write(vl_convert.javascript_bundle({_ENTRY!r}).encode())"
_POLL_SECONDS = 0.1
_brought: list[str] = []  # the bundle, once this process has it


def vega() -> str:
    """Vega, Vega-Lite and Vega-Embed, as a script that may stand inside a page."""
    if not _brought:
        import vl_convert

        _brought.append(inlined(str(vl_convert.javascript_bundle(_ENTRY))))
    return _brought[0]


def has_vega() -> bool:
    """Whether `vega` gives its answer at once."""
    return bool(_brought)


def bring_vega(folder: Path, progress: Progress) -> None:
    """Have `vega` at hand: from the file kept in `folder`, else bundled by a process of its own and kept there."""
    if _brought:
        return
    kept = folder / f"vega-{metadata.version('vl-convert-python')}.js"
    found = _read(kept)
    if found is None:
        found = _bundled(progress)
        with suppress(OSError):  # no room: it is bundled again the next time
            _write(kept, found)
    _brought.append(inlined(found))


def _bundled(progress: Progress) -> str:
    with subprocess.Popen([sys.executable, "-c", _BUNDLE], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            while True:
                check_cancelled(progress)
                with suppress(subprocess.TimeoutExpired):
                    out, errors = process.communicate(timeout=_POLL_SECONDS)
                    break
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        told = errors.decode(errors="replace").strip().rpartition("\n")[2]
        raise PalimpsestError(f"Vega's script could not be put together: {told}. Install vl-convert-python again.")
    return out.decode()


def _read(kept: Path) -> str | None:
    """The bundle that is kept; None where there is none, or not as it was written."""
    try:
        digest, _, script = kept.read_bytes().decode().partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return script if digest == _digest(script) else None


def _write(kept: Path, script: str) -> None:
    with whole_file(kept) as partial:
        partial.write_bytes(f"{_digest(script)}\n{script}".encode())


def _digest(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()


@lru_cache(maxsize=1)
def plotly() -> str:
    """Plotly's own script."""
    from plotly.offline import get_plotlyjs

    return inlined(str(get_plotlyjs()))


@lru_cache(maxsize=4)
def asset(name: str) -> str:
    """A file of this package."""
    return resources.files("analysis.report").joinpath(name).read_text("utf-8")


def inlined(script: str) -> str:
    """A script that may stand inside an HTML page: nothing in it ends the element early."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
