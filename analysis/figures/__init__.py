"""Records drawn as altair figures; no torch, no streamlit."""
