"""The rules of what is let in: origins, hosts, sizes, counts, the bodies of requests."""
