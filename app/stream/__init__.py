"""From the engine's events to a browser: bus, driver, messages, routes."""
