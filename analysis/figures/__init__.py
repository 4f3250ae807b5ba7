"""Records drawn as figures; no torch, no streamlit.

Altair draws them, but for the tensor scatter, where one zooms and lassoes in hundreds of points: plotly.
"""
