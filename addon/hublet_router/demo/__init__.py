"""What shows the router at work on one machine: Hublets that echo what they received."""
