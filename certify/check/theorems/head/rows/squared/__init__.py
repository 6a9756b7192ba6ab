"""What the methods for the squared loss rest on, in integers (H3, H4)."""
