"""Question files as they come: where they lie, their rows, and the fields of a row."""
