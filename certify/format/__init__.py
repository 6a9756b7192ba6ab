"""The ground floor: words, quantities, theorems and bytes that prover and checker share. Standard library only."""
