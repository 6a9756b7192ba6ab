"""The sign of one coefficient of plain least squares when any few rows are left out (O1, proofs/least-squares.md)."""
