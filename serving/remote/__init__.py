"""The engine of another machine: what a page and a worker say to each other."""
