"""Judges that read pictures, films and sounds and never see the prompt."""
