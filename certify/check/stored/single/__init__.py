"""What single rows add to what deletions take, and which of them may add most."""
