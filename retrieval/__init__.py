"""Finding things by what they mean: vector indexes, galleries of media, folders."""
