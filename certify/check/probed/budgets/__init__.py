"""What budgets of single rows ask of proposed motions (W5)."""
