"""What the methods for the squared loss rest on: contrasts, residuals, hat matrices and trees of deletions (D3, D4)."""
