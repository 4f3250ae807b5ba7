"""Records drawn as plotly or altair figures; no torch, no streamlit."""
