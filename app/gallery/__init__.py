"""The Gallery: collections, retrieval, and items that visitors keep."""
