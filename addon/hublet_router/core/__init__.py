"""The decision, pure: a table and a request go in, a `Decision` comes out. No I/O, no engine."""
