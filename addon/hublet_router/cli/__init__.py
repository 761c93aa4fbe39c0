"""The command line: thin, each command a few lines around the core or mitmproxy."""
