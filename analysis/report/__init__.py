"""Findings that were pinned, as one HTML file, as pictures and tables, and as a folder any web server can serve."""
