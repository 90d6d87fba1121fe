"""Text, pictures and sounds to codes, and codes back."""
