"""What is fitted and then used as a number."""
