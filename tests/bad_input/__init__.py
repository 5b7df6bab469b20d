"""What the table of bad input (tests/test_bad_input.py) is run with: a small world, the command line, the page."""
