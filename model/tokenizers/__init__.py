"""Tokenizers of text, images and audio."""
