"""Results: their shape, figures, pages and comparisons."""
