"""Operations on sequences in balls, one a file (proofs/graph.md, G8)."""
