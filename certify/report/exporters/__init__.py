"""Media a report is set in, one a file."""
