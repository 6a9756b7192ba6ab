"""The ground floor: what the prover and the checker share, and what every floor may use."""
