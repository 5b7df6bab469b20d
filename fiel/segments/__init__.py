"""Rules and names over features and scores."""
