"""What the service shows, made of the lake's frames: documents of customers, the ranking, the parts of the pages."""
