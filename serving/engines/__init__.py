"""The engines that are served: for one thread in turns, or for many."""
