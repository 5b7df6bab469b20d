"""Speed and size, as ratios to a peer in the same run. `make bench` runs all of them."""
