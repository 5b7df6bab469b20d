"""One module for each feature group; snapshot.py joins them."""
