"""Documentation, and what makes parts of it from code."""
