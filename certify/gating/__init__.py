"""What a team decides with a certificate: gates over time, suppressions, exit statuses, a cache. It proves nothing."""
