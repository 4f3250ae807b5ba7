"""Running language models: loading, greedy decoding, verification, token divergence. transformers comes lazily."""
