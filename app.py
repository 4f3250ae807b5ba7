"""Starts the dashboard: `streamlit run app.py`, or `python app.py`, or `palimpsest serve`.

The shell is pages/_shell.py and not this file: beside a folder named pages, a deep link as the first request after a
start would otherwise run that page's file alone.
"""

import importlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st


@asynccontextmanager
async def warmed(_: st.App) -> AsyncIterator[dict[str, Any] | None]:
    """Import what every page draws with while the browser is still opening, so that the first page paints at once."""
    threading.Thread(target=importlib.import_module, args=("pages.components.charts",), daemon=True).start()
    yield None


app = st.App("pages/_shell.py", lifespan=warmed)

if __name__ == "__main__":
    app.run()
