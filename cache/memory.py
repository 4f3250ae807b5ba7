"""Keeps the garbage collector's rounds short and few in a process that holds torch, numba and models.

With torch and a model alive a whole round walks about a million objects (a quarter of a second, holding every thread
back). What is alive after an import or a load lives as long as the process, so it is set aside with `gc.freeze`, and
the rounds cost nothing again. Streamlit's own round after every run is off (.streamlit/config.toml): beside the polls
of a running job it starved the imports in the job's thread.
"""

import gc
import sys
import threading

SELDOM = (
    20_000,
    20,
    20,
)  # objects made, rounds of the young, rounds of the middle: a page's run is over before a round

_lock = threading.Lock()
_modules_set_aside = 0


def collect_seldom() -> None:
    """Let the collector begin its rounds later than Python's own 700 objects: for a process that draws pages."""
    gc.set_threshold(*SELDOM)


def set_aside_the_living(*, force: bool = False) -> None:
    """Set aside what lives now, if modules were imported since the last time (or when told to)."""
    global _modules_set_aside
    with _lock:
        if not force and len(sys.modules) == _modules_set_aside:
            return
        gc.collect()
        gc.freeze()
        _modules_set_aside = len(sys.modules)
