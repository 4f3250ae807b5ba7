"""Supervised fine-tuning with the paper's prompt, and the experiments over it."""
