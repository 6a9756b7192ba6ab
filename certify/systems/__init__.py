"""What is known at the point before any quantity is bounded."""
