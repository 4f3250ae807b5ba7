"""Starts the dashboard: `streamlit run app.py`, or `python app.py`, or `palimpsest serve`.

The shell is pages/_shell.py and not this file: beside a folder named pages, a deep link as the first request after a
start would otherwise run that page's file alone.
"""

import streamlit as st

from analysis.language.load import let_waiting_threads_sleep

let_waiting_threads_sleep()  # before anything imports torch
app = st.App("pages/_shell.py")

if __name__ == "__main__":
    app.run()
