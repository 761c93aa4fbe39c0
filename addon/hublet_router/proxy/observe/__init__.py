"""What came of a request: metrics, the decision log, the shadow table, misdirected answers."""
