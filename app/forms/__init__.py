"""Forms: controls become requests, links and files become controls."""
