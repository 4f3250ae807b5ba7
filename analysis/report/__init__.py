"""Findings gathered into one file that needs no network."""
