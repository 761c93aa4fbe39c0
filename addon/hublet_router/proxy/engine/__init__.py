"""What mitmproxy leaves open, made up for: one fault, one function, with its source."""
