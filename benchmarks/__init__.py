"""One question a file; the last line of stdout is the answer as JSON."""
