"""What a reader in a hurry wants: what was asked, the answer, and beside each number a scale that they know."""
