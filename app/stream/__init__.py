"""The live channel between the engine's events and a browser: bus, driver, messages, routes."""
