"""The addresses of this machine alone. Imports nothing large: the entry point reads it first."""

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


def is_loopback(address: str) -> bool:
    """Return whether an address is one of this machine alone, with or without a port."""
    name = address.strip().lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    return name in LOOPBACK_HOSTS
