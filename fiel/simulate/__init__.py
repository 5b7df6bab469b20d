"""Made-up data in exactly the formats of the real sources, seeded, any size."""
