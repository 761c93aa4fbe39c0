"""mitmproxy's flows as the core sees them: a shell's way from a flow to a `Request`."""
