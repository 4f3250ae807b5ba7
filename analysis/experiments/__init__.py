"""Experiments: plans, their cells and tables, and the paper's own numbers."""
