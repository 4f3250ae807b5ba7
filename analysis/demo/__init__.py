"""The small made-up world: its facts, the statements of them, and the base model trained on those."""
