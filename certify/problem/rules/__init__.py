"""What a problem built by anybody has to state: words that some theorem is about, and numbers that fit together."""
