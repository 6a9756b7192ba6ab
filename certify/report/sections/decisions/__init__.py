"""What a team decides with a certificate: gates over time and suppressions."""
