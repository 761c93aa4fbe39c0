"""The servers: each prints its port, and answers with what it reads in the request."""
