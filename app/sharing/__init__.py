"""The ways out of the page: its card on social networks, and runs as small files to pass on."""
