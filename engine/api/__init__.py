"""The values that travel in and out of the engine: requests, events, errors."""
