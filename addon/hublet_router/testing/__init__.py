"""For other people's tests: fixtures for pytest, and a router whose Hublets record."""
