"""The decision, pure: a table and a request go in, a `Decision` comes out.

Nothing here knows mitmproxy or YAML, opens a file or reads a clock. One direction, no circle:
`readers` and `places` are leaves, `table` holds the values, `decide` uses them.
"""
