"""The rules by which ends of claims are derived again, a folder a quantity."""
