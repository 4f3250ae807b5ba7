"""What Palimpsest computes: weights, knowledge, language, training, figures. Knows no browser and no cache."""
