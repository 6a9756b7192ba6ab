"""What a user's own tests ask: a plugin of pytest, which is found as soon as certify is installed."""
