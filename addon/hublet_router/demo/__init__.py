"""What shows the router at work on one machine: Hublets that echo, and a proof that they agree."""
