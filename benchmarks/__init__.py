"""Scripts that measure and print tables; run one at a time on a quiet machine (`make bench`)."""
