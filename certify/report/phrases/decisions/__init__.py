"""What a team decides with a certificate, in words: gates over time and suppressions."""
