"""The sublevel map at its point."""
