"""The command line that says whether a file was made here."""
