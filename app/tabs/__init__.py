"""The tabs of the page, one file a tab."""
