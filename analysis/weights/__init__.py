"""Checkpoints on disk and what lies between two of them: reading, ranking, restoring, writing. No transformers here.

Files: headers (safetensors headers), shards and json_files (indexes, settings read without trust), formats (what is
refused, and the way out), checkpoint (one model), names (family -> layer, module, region), adapter, lowrank and opening
(LoRA as if merged), heads, rows and pairing (tied heads, grown vocabularies), pair (two models, every finding).

The pass: stream (chunks, threads), kernels, kernels_bf16 and tally, tally_device (keys and counts), histogram (what is
kept of a tensor), identity (content hashes), profile (the pass), update (what it learned), tables (as rows and curves),
packing (as arrays).

Ranking: strategies (the orders), cuts (a percentage -> thresholds and counts), ties (the order among equals), lookup
and sources (a look at the values where counts do not tell), levels (several percentages in one reading).

Restoring: kernels_select and chosen (which weights), blends, blends_spectral and blend_kernels (scaled updates),
restore (states), live (a loaded model's parameters), realised (what really changed), write and beside (a checkpoint).
"""
