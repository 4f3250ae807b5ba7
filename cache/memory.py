"""Keeps the garbage collector's rounds short in a process that holds torch, numba and models.

Streamlit collects after every script run; with torch and a model alive each round walks about a million objects (a
quarter of a second, holding every thread back). What is alive after an import or a load lives as long as the process,
so it is set aside with `gc.freeze`, and the rounds cost nothing again.
"""

import gc
import sys
import threading

_lock = threading.Lock()
_modules_set_aside = 0


def set_aside_the_living(*, force: bool = False) -> None:
    """Set aside what lives now, if modules were imported since the last time (or when told to)."""
    global _modules_set_aside
    with _lock:
        if not force and len(sys.modules) == _modules_set_aside:
            return
        gc.collect()
        gc.freeze()
        _modules_set_aside = len(sys.modules)
