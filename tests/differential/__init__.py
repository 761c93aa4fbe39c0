"""Which stock server reads a credential that the router did not see: requests in every dialect."""
