"""See DESIGN: floor `tasks`."""
