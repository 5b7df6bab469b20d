"""See DESIGN: floor `flows`."""
