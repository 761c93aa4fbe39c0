"""The shell inside mitmproxy: `addon` has the hooks, the others do one thing each for it."""
