"""Checkpoints on disk and what lies between two of them: reading, ranking, restoring, writing. No transformers here."""
