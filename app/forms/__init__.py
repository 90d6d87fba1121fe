"""From controls to requests, and back from links and files."""
