"""The rules that claims need, a file for each map of solutions."""
