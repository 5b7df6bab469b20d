"""See DESIGN: floor `deployments`."""
