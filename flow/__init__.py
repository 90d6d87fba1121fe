"""State space and mathematics of discrete flow matching: modalities, sequences, paths,
transitions."""
