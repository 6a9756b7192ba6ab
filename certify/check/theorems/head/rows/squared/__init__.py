"""What the methods for the squared loss rest on, in integers (D3, D4)."""
