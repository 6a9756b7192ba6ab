"""Operations on sequences of tokens, one a file; what passes through them are balls of python-flint (G8)."""
