"""Usage → money."""
