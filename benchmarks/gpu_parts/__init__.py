"""The parts of `benchmarks.gpu`, each a function of an engine and a number of repeats."""
